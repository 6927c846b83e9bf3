"""mongomock behind MongoDB's wire protocol, in a process of its own: a MongoDB for those who have none."""
