"""What to ask the infrastructure for: rights, bucket settings and CDN, as text and as a plan for a live bucket.

`needs` is what a store asks for, as a value; `rights` and `settings` say it in the words of IAM and of the S3 API, and
`terraform`, `commands` and `handover` write it down. `plan` compares it with a live bucket, and `live` reads and changes
that bucket; all other modules are pure.
"""
