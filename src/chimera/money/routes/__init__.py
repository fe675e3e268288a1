"""The API's part of the room."""
