"""The contestants: `registry` names them, each module runs one kind, imported only in that contestant's process."""
