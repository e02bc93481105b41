"""The one door to S3: every request, every signature and every translated error. Nothing else imports the SDK."""
