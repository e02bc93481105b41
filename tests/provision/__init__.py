"""What `holdall provision` writes, held to the languages and services that it writes for."""
