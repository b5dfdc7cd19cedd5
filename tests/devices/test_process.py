from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from thimble.core.errors import MissingExtra, OutOfTime, RuntimeFailed
from thimble.devices.process import Worker
from thimble.devices.wire import encoded


def test_outputs_come_back_as_they_were(scripted: Any, image: Any) -> None:
    with Worker(scripted(gain=2)) as worker:
        outputs = worker.run(image)
    assert list(outputs) == ["output"]
    np.testing.assert_array_equal(outputs["output"], 2 * image["image"])
    assert outputs["output"].dtype == np.float32


def test_what_libraries_print_does_not_reach_the_protocol(scripted: Any, image: Any) -> None:
    with Worker(scripted()) as worker:  # the script prints from Python and from below while it opens
        assert worker.run(image)["output"].shape == (1, 3, 8, 8)


def test_many_types_and_shapes_pass(scripted: Any) -> None:
    with Worker(scripted()) as worker:
        for array in (np.zeros((0, 3), np.int64), np.ones((), np.float16), np.arange(6, dtype=np.uint8).reshape(2, 3).T, np.array([True])):
            got = worker.run({"image": array})["output"]
            assert got.shape == array.shape
            np.testing.assert_array_equal(got, array.astype(np.float32))


def test_threads_and_cores_are_held_and_thimble_is_not_imported(scripted: Any, image: Any) -> None:
    with Worker(scripted(outputs=("threads", "cores", "thimble"))) as worker:
        told = {name: int(value[0]) for name, value in worker.run(image).items()}
    assert told == {"threads": 1, "cores": 1, "thimble": 0}


def test_time_gives_as_many_samples_as_asked_and_takes_the_scripted_time(scripted: Any, image: Any) -> None:
    with Worker(scripted(ms=2.0)) as worker:
        worker.bind(image)
        samples = worker.time(5)
    assert len(samples) == 5
    assert min(samples) >= 2.0


def test_settling_inferences_are_not_in_the_samples(scripted: Any, image: Any) -> None:
    with Worker(scripted(ms=1.0, grow=1.5)) as worker:
        worker.bind(image)
        worker.time(1, settle_ms=20.0)
        assert worker.time(1)[0] > 10.0  # the untimed ones before it took 1.5, 2.25, 3.4, ... ms until 20 were over


def test_memory_grows_by_what_is_held(onnx_subject: Any, image: Any) -> None:
    with Worker(onnx_subject) as worker:
        opened = worker.open()
        worker.run(image)
        now, peak = worker.memory()
    assert 10 < opened.empty_mb < 500
    assert opened.empty_mb < peak
    assert now <= peak


def test_a_crash_names_the_signal_and_the_last_words(scripted: Any, image: Any) -> None:
    with Worker(scripted("bad", do="crash")) as worker, pytest.raises(RuntimeFailed, match=r"^bad: .*SIGSEGV.*'run'.*last words$"):
        worker.run(image)


def test_a_worker_killed_from_outside_says_so(scripted: Any, image: Any) -> None:
    with Worker(scripted()) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(RuntimeFailed, match="SIGKILL"):
            worker.run(image)


def test_a_worker_that_hangs_is_ended(scripted: Any, image: Any) -> None:
    with Worker(scripted(do="hang"), timeout_s=1.0) as worker:
        began, pid = time.monotonic(), worker.pid
        with pytest.raises(RuntimeFailed, match="no answer to 'run' within 1 s"):
            worker.run(image)
        assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_error_in_the_runtime_is_one_line_and_the_worker_lives(scripted: Any, image: Any) -> None:
    with Worker(scripted("it", do="fail", after=1)) as worker:
        worker.run(image)
        with pytest.raises(RuntimeFailed) as caught:
            worker.run(image)
        assert str(caught.value) == "it: Scripted can't run model.json: RuntimeError: it broke"
        assert worker.memory()[0] > 0


def test_an_artifact_that_does_not_open_is_one_line(scripted: Any) -> None:
    with pytest.raises(RuntimeFailed, match=r"^it: Scripted can't open model.json: ValueError: no good$"):
        Worker(scripted(open_error="no good")).open()


def test_a_missing_library_names_its_extra(scripted: Any) -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'thimble-fit\[nothing\]'"):
        Worker(replace(scripted(), runtime="absent")).open()


def test_a_closed_worker_says_so(scripted: Any, image: Any) -> None:
    worker = Worker(scripted())
    worker.open()
    worker.close()
    worker.close()
    with pytest.raises(RuntimeFailed, match="closed"):
        worker.run(image)


def test_the_parent_uses_no_processor_time_while_a_worker_measures(scripted: Any, image: Any) -> None:
    with Worker(scripted(ms=10.0)) as worker:
        worker.bind(image)
        began, used = time.perf_counter(), time.process_time()
        worker.time(100)
        share = (time.process_time() - used) / (time.perf_counter() - began)
    assert share < 0.02


def test_more_threads_than_cores_still_open(scripted: Any, image: Any) -> None:
    with Worker(replace(scripted(outputs=("cores",)), threads=64)) as worker:
        assert int(worker.run(image)["cores"][0]) == len(os.sched_getaffinity(0))


def test_a_worker_ends_within_a_second_of_its_parent(scripted: Any, image: Any) -> None:
    """Its input ends with whoever held the other end, killed or not; it computes for a minute meanwhile."""
    with Worker(scripted(ms=60_000)) as worker:
        process = worker._running
        assert process.stdin is not None
        for part in encoded({"do": "run"}, image):
            process.stdin.write(part)
        process.stdin.flush()
        time.sleep(0.3)
        assert process.poll() is None
        process.stdin.close()
        begun = time.monotonic()
        process.wait(10)
        assert time.monotonic() - begun < 1.5


def test_a_process_that_does_not_answer_before_its_deadline_is_out_of_time(scripted: Any, image: Any) -> None:
    with Worker(scripted(do="hang"), timeout_s=60.0) as worker:
        worker.open()
        worker.deadline = time.monotonic() + 0.5
        with pytest.raises(OutOfTime, match="no answer to 'run' before the time budget was used up"):
            worker.run(image)
