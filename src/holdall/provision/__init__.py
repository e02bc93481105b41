"""What to ask the infrastructure for: permissions, bucket settings and CDN, as text and as a plan for a live bucket.

`needs` holds what a store needs, as a value. `rights` and `settings` express it for IAM and for the S3 API;
`terraform`, `commands` and `handover` render it. `plan` compares it with a live bucket, and `live` reads and changes
that bucket. All other modules are pure.
"""
