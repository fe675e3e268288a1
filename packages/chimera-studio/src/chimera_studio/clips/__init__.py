"""What moves and sounds: staging, captions, music, voice and the film they become."""
