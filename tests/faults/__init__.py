"""What the wire can do: every use ends in the right bytes or a clear error, in time, and leaves nothing half done."""
