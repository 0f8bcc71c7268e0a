"""Measure Keras on TensorFlow: its example of image classification, and its tuned form. Run by Keras's own environment.

    python with_keras.py JOB.json RESULT.json

quick  as keras.io/examples/vision/image_classification_from_scratch has it: image_dataset_from_directory, augmentation
       layers mapped over the dataset with AUTOTUNE (the example's choice for CPUs), prefetch, Adam; the network from
       keras.applications without weights
tuned  keras.io/guides/mixed_precision: the policy mixed_bfloat16 with a softmax in float32; and, as the guide on
       tf.data says, decoded images kept by cache()

Every network ends in average pooling and one dense layer, as ours does: VGG-16 keeps its 4096-wide layers nowhere.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import job
import keras
import tensorflow as tf

NETWORKS = {
    "resnet50": keras.applications.ResNet50,
    "vgg16": keras.applications.VGG16,
    "mobilenet_v2": keras.applications.MobileNetV2,
    "densenet201": keras.applications.DenseNet201,
}


class Clock(keras.callbacks.Callback):
    """Notes when each training step has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.ticks.append(time.perf_counter())


def measure(todo: dict) -> dict:
    """Seconds of each step after the warm ones, for each network."""
    cells = {name: one(name, todo) for name in todo["networks"]}
    return {"cells": cells, "versions": job.versions("keras", "tensorflow-cpu")}


def one(name: str, todo: dict) -> dict:
    """One network."""
    keras.backend.clear_session()
    size, tuned = todo["size"], todo["form"] == "tuned"
    keras.config.set_dtype_policy("float32")
    augmentation = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(10 / 360),
            keras.layers.RandomZoom(0.1),
        ]
    )
    photos = keras.utils.image_dataset_from_directory(
        todo["photos"], image_size=(size, size), batch_size=todo["batch"], shuffle=True, seed=1, verbose=False
    )
    if tuned:
        photos = photos.cache()
        for _ in photos:  # fills the cache, as a first epoch would
            pass
    train = photos.repeat().map(
        lambda images, labels: (augmentation(images, training=True), labels), num_parallel_calls=tf.data.AUTOTUNE
    )
    keras.config.set_dtype_policy("mixed_bfloat16" if tuned else "float32")
    inputs = keras.Input((size, size, 3))
    base = NETWORKS[name](weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3))
    outputs = keras.layers.Dense(2, activation="softmax", dtype="float32")(
        base(keras.layers.Rescaling(1 / 255)(inputs))
    )
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = Clock()
    model.fit(
        train.prefetch(tf.data.AUTOTUNE), steps_per_epoch=todo["warm"] + todo["steps"][name], epochs=1, verbose=0,
        callbacks=[clock],
    )  # fmt: skip
    times = [b - a for a, b in zip(clock.ticks, clock.ticks[1:], strict=False)]
    return {"images": todo["batch"], "seconds": times[todo["warm"] - 1 :], "parameters": model.count_params()}


if __name__ == "__main__":
    job.run(measure, sys.argv)
