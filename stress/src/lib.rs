//! What an enemy, a bad day and an hour of both do to a source and the servers behind it.
