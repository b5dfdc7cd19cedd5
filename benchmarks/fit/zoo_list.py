"""What the zoo holds: kinds of networks, and torchvision's classifiers up to 100 M parameters and 20 GMACs."""

SPECIAL = {
    "two inputs": ("two_inputs", "two_inputs"),
    "LSTM": ("lstm", "sequences"),
    "GRU": ("gru", "sequences"),
    "transformer encoder": ("transformer", "tokens"),
    "MLP": ("mlp", "table"),
    "quantized ONNX file": ("quantized.onnx", "images64"),
    "control flow": ("branching", "table"),
    "LRASPP": ("torchvision:lraspp_mobilenet_v3_large", "segments"),
}
"""By name: a function of ``zoo_models.py`` (or a source of its own), and one of ``zoo_data.py``."""

MODELS = (
    # one of each family first
    "resnet18", "mobilenet_v2", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x1_0", "efficientnet_b0", "regnet_x_400mf",
    "mnasnet0_5", "densenet121", "convnext_tiny", "swin_t", "vit_b_32", "regnet_y_400mf", "alexnet", "googlenet", "swin_v2_t", "maxvit_t",
    "inception_v3", "efficientnet_v2_s", "resnext50_32x4d", "vit_b_16",
    # then by size
    "squeezenet1_0", "shufflenet_v2_x0_5", "mnasnet0_75", "shufflenet_v2_x1_5", "mnasnet1_0", "mobilenet_v3_large", "mnasnet1_3",
    "regnet_y_800mf", "regnet_x_800mf", "shufflenet_v2_x2_0", "resnet34", "resnet50", "efficientnet_b1", "regnet_x_1_6gf",
    "regnet_y_1_6gf", "efficientnet_b2", "regnet_x_3_2gf", "regnet_y_3_2gf", "efficientnet_b3", "densenet169", "densenet201",
    "efficientnet_b4", "densenet161", "efficientnet_b5", "regnet_y_8gf", "regnet_x_8gf", "efficientnet_b6", "resnet101", "swin_s",
    "swin_v2_s", "convnext_small", "regnet_x_16gf", "resnet152", "wide_resnet50_2", "resnext101_64x4d", "regnet_y_16gf", "swin_b",
    "convnext_base", "resnext101_32x8d",
)  # fmt: skip
"""In the order in which they are tried."""
