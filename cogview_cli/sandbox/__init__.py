"""A stand-in for Zhipu's CogView image API on 127.0.0.1: free, offline, able to fail on request."""
