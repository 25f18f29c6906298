"""What Aforo runs on: containers, migrations, and the local stack without Docker."""
