-- Fails if there is one already: whoever makes it may drop it, and nobody else.
create schema pgqueue
