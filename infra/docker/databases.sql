-- Run once, by the database image, when its volume is empty. Aforo's own database is the image's POSTGRES_DB.
CREATE DATABASE apicurio TEMPLATE template0;
