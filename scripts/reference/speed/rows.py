"""The rows of the table: what of our programs is measured, beside which forms of the same work."""

import dataclasses
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLAIN = ("eager", "fused", "best", "jax")
# For experiments whose update is no optimizer of PyTorch's.
UNFUSED = ("eager", "best", "jax")
# The built-in text has 377 words, of which the read-out is no work: this one has the 4000 of the forms.
TEXT = "--data sotu --vocab 4000 --evaluate-every 100 --eval-sequences 1 --sample-words 1"
PATCHES = "--eval-patches 128 --covariance-batches 2 --image-every 0"
RULES = "--lr-a 0.001,0.01,0.03,0.1 --lr-w 3e-8,1e-7,3e-7,1e-6,3e-6"


@dataclasses.dataclass
class Row:
    """One line of the table.

    - flags: of our program, `{n}` is the amount of work; what is before the bar is in the table
    - work: a short and a long amount for our program
    - unit: what one unit of work is
    - module, values: the module of the forms, and what its problem is made of
    - limit: what limits the row, in words
    - short: the least units that a form is asked for
    - units: units of a form that are one of ours, where that is not 1
    - two: whether two threads are measured too; quick: whether the row is in `--quick`
    """

    experiment: str
    flags: str
    work: tuple[int, int]
    unit: str
    module: str
    values: tuple
    limit: str
    forms: tuple = PLAIN
    short: int = 1
    units: dict = dataclasses.field(default_factory=dict)
    two: bool = False
    quick: bool = False

    @property
    def name(self):
        """What the table calls it."""
        return f"{self.experiment} {self.flags.partition('|')[0]}".strip()

    def words(self, amount):
        """The words of our program's command line for an amount of work."""
        return self.flags.replace("|", " ").format(n=amount).split()


def selector(flags, work, values, limit, **more):
    """A row of `selector_mnist`."""
    flags = f"{flags} | --data mnist --steps {{n}}"
    return Row("selector_mnist", flags, work, "step", "selector", values, limit, **more)


def transformer(flags, work, values, limit, **more):
    """A row of `selector_transformer`."""
    return Row("selector_transformer", f"{flags} | {TEXT} --steps {{n}}", work, "step", "transformer", values,
               limit, **more)


def depth_width(flags, work, width, **more):
    """A row of `depth_width`."""
    flags = f"{flags} | --replicates 1 --descent-steps {{n}}"
    return Row("depth_width", flags, work, "step of seven networks", "depth_width", (width,),
               "reading and writing weights: ten images a product", **more)


def table(flags, work, seeds, **more):
    """A row of `one_neuron --preset table`, of 18 neurons a seed; eager PyTorch trains them one at a time."""
    neurons = 18 * seeds
    return Row("one_neuron", f"--preset table {flags} | --steps {{n}}", work, f"step of {neurons} neurons",
               "one_neuron", (seeds, 1), "exponentials, and calls that all neurons share", short=400,
               units={"eager": neurons, "fused": neurons}, **more)


def steady(flags, work, seeds, **more):
    """A row of `steady_state`, of 180 runs a seed."""
    flags = f"{flags} | --pretrain-seconds 400 --train-seconds {{n}}"
    return Row("steady_state", flags, work, f"simulated second of {180 * seeds} runs", "steady_state", (seeds,),
               "matrix products of fifty seconds at once", forms=UNFUSED, short=4, **more)


def apical(flags, hidden, **more):
    """A row of `apical_train` in epochs."""
    flags = f"--batch-size 30 {flags} | --data mnist --lr-a 0.01 --lr-w 1e-6 --eval-samples 100 --epochs {{n}}"
    return Row("apical_train", flags, (1, 2), "epoch", "apical", (hidden,), "matrix products of 30 samples",
               forms=UNFUSED, **more)


def coding(flags, work, values, **more):
    """A row of `efficient_coding`."""
    return Row("efficient_coding", f"{flags} | {PATCHES} --steps {{n}}", work, "step", "efficient_coding", values,
               "the covariance of every sample", forms=UNFUSED, **more)


CALLS = "calls: three small products a layer, each with a thread's overhead"
VOCABULARY = "the products of the vocabulary, 4000 wide"
CHOICES = "the products of K = 5 selection and computation neurons in the vocabulary's layer"

ROWS = [
    selector("--hidden 64,64", (50, 850), (64,), CALLS, two=True, quick=True),
    selector("--hidden 1024,1024", (5, 35), (1024,), "matrix products", two=True, quick=True),
    selector("--hidden 2048,2048", (2, 8), (2048,), "matrix products"),
    selector("--num-computation 5", (20, 220), (64, 5), "products of all K, and a softmax for each neuron"),
    selector("--num-computation 50", (5, 35), (64, 50), "products of all K, and a softmax for each neuron"),
    selector("--replicates 8", (20, 120), (64, 2, 8), "products of eight networks at once", two=True),
    Row("selector_continual", "--method base | --epochs {n}", (1, 2), "epoch of 940 steps", "selector", (64,),
        "as selector_mnist at 64", units=dict.fromkeys(PLAIN + ("limit",), 940)),
    transformer("--replace none", (5, 65), (0,), VOCABULARY, two=True, quick=True),
    transformer("--replace none --d-model 128 --feedforward 512", (2, 22), (0, 128), VOCABULARY),
    transformer("--replace none --d-model 256 --feedforward 1024", (2, 12), (0, 256), VOCABULARY),
    transformer("--replace all", (1, 7), (5,), CHOICES, two=True),
    transformer("--replace all --d-model 128 --feedforward 512", (1, 4), (5, 128), CHOICES),
    transformer("--replace all --d-model 256 --feedforward 1024", (1, 3), (5, 256), CHOICES),
    depth_width("", (2, 10), 1024, two=True, quick=True),
    depth_width("--widths 1536", (1, 4), 1536),
    depth_width("--widths 2048", (1, 3), 2048),
    Row("one_neuron", "| --steps {n}", (4000, 400_000), "step", "one_neuron", (1,),
        "exponentials: a few dozen numbers a step", short=400),
    table("", (400, 16_000), 20, two=True, quick=True),
    table("--replicates 80", (400, 4000), 80),
    table("--replicates 320", (400, 1600), 320),
    steady("", (100, 1300), 10, two=True, quick=True),
    steady("--replicates 20", (100, 700), 20),
    steady("--replicates 40", (100, 500), 40),
    apical("", 256, two=True),
    apical("--hidden 512,512,512", 512),
    apical("--hidden 768,768,768", 768),
    Row("apical_train", f"--batch-size 1 | {RULES} --data mnist --samples-a 1000 --eval-samples 100 "
        "--steps-per-phase 590 --steps {n}", (592, 604), "100 updates of 20 runs", "apical", (256, 1, 20, 0, 100),
        "reading and writing weights, a rank at a time", forms=UNFUSED),
    coding("--neurons 50 --kernel-size 12", (5, 205), (50, 12), two=True, quick=True),
    coding("--neurons 100 --kernel-size 18", (2, 42), (100, 18), two=True),
    coding("--neurons 300 --kernel-size 18 --colours 3", (1, 5), (300, 18, 3)),
    # By itself it logs every step, which none of the forms does.
    Row("two_loss_toy", "--methods two-losses --print-every 10000 | --map-size 0 --steps {n}", (20_000, 4_020_000),
        "step", "two_loss_toy", (), "an exponential, and what waits for it", short=400),
]
# Eight seeds in one process, beside a process for each.
SEEDS = ("selector_mnist", "--hidden 64,64 --data mnist --steps 1000")
