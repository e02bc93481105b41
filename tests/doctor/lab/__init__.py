"""What the doctor is tried on beside the S3 servers: a CDN with faults to switch, a weak S3, answers that are scripted."""
