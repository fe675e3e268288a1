"""The bundled media studio: pictures, clips and voices, made without a network."""
