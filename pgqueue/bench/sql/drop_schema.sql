drop schema pgqueue cascade
