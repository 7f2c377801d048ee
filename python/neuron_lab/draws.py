"""What a run draws at random, drawn again from its seed in NumPy.

    order = draws.epoch_order(seed=0, samples=1437, epoch=2)
    images = train_images[order[:64]]        # the first batch of the third epoch

A function here is one stream of docs/reproducing.md, which has the formulas. Replicate r of a run has
the seed of the run + r. Where a stream draws normal or exponential numbers they differ from the
program's in the last bits; everything else has its bits. Those of efficient_coding are in
`draws_efficient_coding`, those of steady_state and its kin in `draws_steady_state`.
"""

import math
import random

import numpy as np

from .generator import Generator, unit, words

# One neuron's task: samples of each class, and coordinates of a sample.
PER_CLASS, INPUTS = 2500, 4


# Initial weights


def linear_weight(generator, shape):
    """The weight of PyTorch's nn.Linear, whose inputs are the last axis of `shape`."""
    # As PyTorch has it, by Kaiming's law for a leaky ReLU of slope sqrt(5).
    bound = math.sqrt(3.0) * (math.sqrt(2.0 / (1.0 + math.sqrt(5.0) ** 2)) / math.sqrt(shape[-1]))
    return generator.uniform(shape, -bound, bound)


def linear(generator, shape):
    """The weight `shape` of an nn.Linear and then its bias, which has the axes but the last."""
    bound = 1.0 / math.sqrt(shape[-1])
    return linear_weight(generator, shape), generator.uniform(shape[:-1], -bound, bound)


def selector_layer(generator, name, inputs, neurons, choices, selector, rank=None):
    """The parameters of a selector layer by name, in the order in which they are drawn."""
    found, seen = {}, inputs
    if selector == "low-rank":
        found[f"{name}.projection.weight"] = linear_weight(generator, (rank, inputs))
        seen = rank
    logits = {"none": None, "threshold": (), "softmax": (choices,), "low-rank": (choices,),
              "tree": ((choices - 1).bit_length(),)}[selector]
    if logits is not None:
        weight, bias = linear(generator, (*logits, neurons, seen))
        found |= {f"{name}.selection.weight": weight, f"{name}.selection.bias": bias}
    weight, bias = linear(generator, (choices, neurons, inputs))
    return found | {f"{name}.computation.weight": weight, f"{name}.computation.bias": bias}


def selector_network(seed, inputs, hidden, classes, choices, selector, rank=None):
    """selector_mnist, selector_continual: stream `init`, t = 0."""
    generator, found = Generator.of(seed, "init", 0), {}
    for i, neurons in enumerate(hidden, 1):
        found |= selector_layer(generator, f"layer{i}", inputs, neurons, choices, selector, rank)
        inputs = neurons
    found["output.weight"], found["output.bias"] = linear(generator, (classes, inputs))
    return found


def transformer(seed, words, width, feedforward, layers, replace, choices, selector, rank=None):
    """selector_transformer: stream `init`, t = 0. `replace` is none, linear, attention or all."""
    generator = Generator.of(seed, "init", 0)
    found = {"embedding.weight": generator.normal((words, width))}

    def add(name, inputs, neurons, selects):
        if selects:
            found.update(selector_layer(generator, name, inputs, neurons, choices, selector, rank))
        else:
            found[f"{name}.weight"], found[f"{name}.bias"] = linear(generator, (neurons, inputs))

    attention, plain = replace in ("attention", "all"), replace in ("linear", "all")
    for i in range(layers):
        for part in ("q_linear", "k_linear", "v_linear", "out_proj"):
            add(f"layers.{i}.self_attn.{part}", width, width, attention)
        add(f"layers.{i}.linear1", width, feedforward, plain)
        add(f"layers.{i}.linear2", feedforward, width, plain)
    add("linear_out", width, words, plain)
    for name in (f"layers.{i}.norm{n}" for i in range(layers) for n in (1, 2)):
        found[f"{name}.weight"], found[f"{name}.bias"] = np.ones(width), np.zeros(width)
    return found


def plain_network(seed, inputs, depth, width, classes, init):
    """A network of depth_width: stream `init`, t = 0. `init` is default or he."""
    generator, layers = Generator.of(seed, "init", 0), []
    for neurons in [width] * depth + [classes]:
        if init == "he":
            std = math.sqrt(2.0) / math.sqrt(inputs)
            layers.append((generator.normal((neurons, inputs), std), np.zeros(neurons, np.float32)))
        else:
            layers.append(linear(generator, (neurons, inputs)))
        inputs = neurons
    return layers


def apical_network(seed, widths):
    """The weights of apical_train and apical_characterize: stream `init`, t = 0.

    `widths` are those of the input, the hidden layers and the output.
    """
    generator = Generator.of(seed, "init", 0)
    std = [math.sqrt(2.0) / math.sqrt(inputs) for inputs in widths]
    return [generator.normal((neurons, inputs), std[k])
            for k, (inputs, neurons) in enumerate(zip(widths, widths[1:]))]


# Orders and batches of images


def epoch_order(seed, samples, epoch):
    """selector_mnist: the order of an epoch, from 0. Stream `data`, t = epoch."""
    return Generator.of(seed, "data", epoch).permutation(samples)


def task_order(seed, samples, task, passes):
    """selector_continual: the order of a pass, from 0, through a task's images, or all: task 5.

    Stream `data`, t = task * 2**32 + pass.
    """
    return epoch_order(seed, samples, task << 32 | passes)


def task_pixels(seed, pixels, task):
    """selector_continual: where each pixel of a permuted task comes from. Stream `pixels`, t = task."""
    if task == 0:
        return np.arange(pixels)
    return Generator.of(seed, "pixels", task).permutation(pixels)


def task_images(seed, samples, task, count, stream):
    """selector_continual: numbers among a task's images. Stream `memory` or `fisher`, t = task."""
    return Generator.of(seed, stream, task).permutation(samples)[:count]


def replay(seed, step, task, kept, batch):
    """selector_continual: of each image that is replayed its task and its number in the memory.

    Stream `replay`, t = step, counted over all tasks from 0.
    """
    drawn = Generator.of(seed, "replay", step).integers(task * kept, (batch,))
    return drawn // kept, drawn % kept


# Exploration and growth of selectors


def selector_noise(seed, step, layer, logit, batch, neurons, law, half_spaces=False):
    """selector_mnist: noise on one logit before its scale, [batch, neuron], by --explore.

    Stream `noise.<layer>.<logit>`, t = step. `half_spaces` is true for threshold and tree.
    """
    generator = Generator.of(seed, f"noise.{layer}.{logit}", step)
    if law == "gaussian":
        return generator.normal((batch, neurons))
    gumbel = -np.log(generator.exponential((batch, neurons)))
    return gumbel + np.log(generator.exponential((batch, neurons))) if half_spaces else gumbel


def growth_noise(seed, step, name, shape, scale, old):
    """selector_mnist: what growth adds to a parameter, 0 for the first `old` rows.

    Stream `grow.<parameter>`, t = the step before which it grows.
    """
    noise = Generator.of(seed, f"grow.{name}", step).normal(shape) * np.float32(scale)
    noise[:old] = 0
    return noise


# Text


def sequence_starts(seed, step, batch, tokens, sequence):
    """selector_transformer: where a batch's sequences begin in the text. Stream `batches`, t = step."""
    return (unit(words(seed, "batches", step, batch)) * (tokens - sequence)).astype(np.int64)


def written_words(seed, step, count):
    """selector_transformer: a number in [0, 1) for each word that it writes after `step` steps.

    A word is the first whose cumulated probability is above its number. Stream `sample`, t = step.
    """
    return unit(words(seed, "sample", step, count))


# Apical multipliers


def apical_split(seed, samples, samples_a):
    """The images of D_A, then those of D_W. Stream `split`, t = 0, of the run's first seed."""
    order = Generator.of(seed, "split", 0).permutation(samples)
    return order[:samples_a], order[samples_a:]


def apical_order(seed, samples_w, passes):
    """The order of D_W in a pass of phase 2, counted over the run from 0. Stream `data`, t = pass."""
    return epoch_order(seed, samples_w, passes)


def apical_layers(seed, trials, neurons, inputs):
    """apical_toy: weight, input, and the multipliers by law, uniform first. Stream `toy`, t = 0."""
    generator = Generator.of(seed, "toy", 0)
    weight = generator.normal((trials, neurons, inputs), kind=np.float64)
    x = generator.normal((trials, inputs), kind=np.float64)
    uniform = generator.uniform((trials, neurons), kind=np.float64)
    gaussian = generator.normal((trials, neurons), kind=np.float64)
    return weight, x, np.stack([uniform, gaussian])


# One neuron


def neuron_parameters(seed, model="one", one_bias_a_layer=False, package=False):
    """one_neuron: weights, then biases, flat. Stream `init`, t = 0; with --rng package its own stream.

    `one_bias_a_layer` is true for the network by the rules of version 1.1.2, averaged and averaged-x2.
    """
    count = {"one": 5, "multi": 13}[model]
    if package:
        stream = package_stream(seed)
        return np.array([stream.random() for _ in range(count)])
    drawn = unit(words(seed, "init", 0, count))
    return drawn[[*range(11), 10, 11]] if one_bias_a_layer else drawn


def neuron_samples(seed):
    """one_neuron: the training samples [5000, 4], class 0 first. Stream `data`, t = 0."""
    normal = Generator.of(seed, "data", 0).normal((PER_CLASS, 2, INPUTS), kind=np.float64)
    return np.concatenate([normal[:, 0] + 2.0, normal[:, 1] * 2.0 + 4.0])


def neuron_batch(seed, step, size):
    """one_neuron: the samples of a batch, with replacement. Stream `batches`, t = step."""
    drawn = words(seed, "batches", step, size)
    within = (drawn & np.uint64(0xFFFFFFFF)) * np.uint64(PER_CLASS) >> np.uint64(32)
    return ((drawn >> np.uint64(63)) * np.uint64(PER_CLASS) + within).astype(np.int64)


def neuron_held_out(seed, size):
    """one_neuron: the samples of an evaluation and their classes. Stream `evaluation`, t = 0 and 1.

    There are as many batches of `size` as hold 8192 samples.
    """
    count = -(-8192 // size) * size
    normal = Generator.of(seed, "evaluation", 0).normal((count, INPUTS), kind=np.float64)
    classes = (words(seed, "evaluation", 1, count) >> np.uint64(63)).astype(np.int64)
    return np.where(classes[:, None] == 0, normal + 2.0, normal * 2.0 + 4.0), classes


def package_samples(seed, columns="canonical"):
    """one_neuron --rng package: the training samples, by NumPy's own generator."""
    normal = np.random.RandomState(seed).standard_normal((PER_CLASS, 2, INPUTS))
    samples = np.concatenate([normal[:, 0] + 2.0, normal[:, 1] * 2.0 + 4.0])
    return samples if columns == "canonical" else samples[:, [0, 1, 3, 2]]


def package_stream(seed):
    """one_neuron --rng package: Python's own generator, which draws the parameters and then, sample by
    sample, a class by randrange(2) and a sample by randrange(2500)."""
    return random.Random(seed)
