"""The lettering on pictures: what a prompt asks for, what is there, and whether they agree."""
