"""The tables of the gallery."""

import django.utils.timezone
from django.db import migrations, models

import gallery.models


class Migration(migrations.Migration):
    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="FirstStart",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("shipped_file", models.CharField(max_length=120, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Photograph",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("title", models.CharField(max_length=120)),
                ("description", models.CharField(blank=True, max_length=300)),
                ("credit", models.CharField(blank=True, max_length=120)),
                (
                    "public_file",
                    models.FileField(
                        blank=True,
                        max_length=300,
                        storage=gallery.models.public_storage,
                        upload_to="photos/%Y/",
                    ),
                ),
                (
                    "private_file",
                    models.FileField(
                        blank=True,
                        max_length=300,
                        storage=gallery.models.private_storage,
                        upload_to="photos/%Y/",
                    ),
                ),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("added", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-added", "-pk"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("public_file", ""), ("private_file", ""), _connector="XOR"),
                        name="photograph_is_public_or_private",
                    )
                ],
            },
        ),
    )
