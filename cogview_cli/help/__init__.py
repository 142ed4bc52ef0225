"""The manual that `cogview help TOPIC` shows: pages of Markdown, a folder for each language."""
