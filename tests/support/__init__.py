"""What the fixtures are made of; test modules import it as `support`."""
