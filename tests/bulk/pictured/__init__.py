"""An app whose pictures pass through every package that makes thumbnails, or keeps old versions."""
