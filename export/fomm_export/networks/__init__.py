"""The three networks as published: the reference that every exported file and engine is compared with.

model              builds the networks of a model and loads their weights
keypoint_detector  frame -> keypoints and jacobians
dense_motion       source and both sides' keypoints -> deformation, mask, occlusion map
generator          source and dense motion -> prediction
layers             blocks and hourglass
anti_alias         the blurred, smaller frame that detector and dense motion see
geometry           coordinates, 2×2 matrices, sampling
"""
