"""What an export of the log has to satisfy."""
