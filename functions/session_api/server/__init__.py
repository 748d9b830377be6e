"""The API as a process of its own: what a gateway does in front of a function, this does in front of the app.

The container runs it (`__main__`); the development server uses its parts. No function imports it: what it
needs beside the layer (infra/container/requirements.txt) is in the container's image alone.
"""
