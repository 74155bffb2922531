"""The contestants. `registry` names them; every other module runs one kind and is imported in its process only.

Contestants other than fomm-rt chain the networks and transfer the motion themselves: their results check fomm-rt's, so
they share no code with it.
"""
