"""Who may do what: principals, rules, sign-in, keys and the audit. Knows nothing of cameras' numbers or of how they are shown."""
