"""The first night of a machine: five scenes from a fresh clone, by commands of the documents alone."""
