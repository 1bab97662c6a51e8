"""The Learn page, where the lab opens: gradient descent from its first step, each claim beside a live figure."""

import streamlit as st

from pages.shared import frame, lessons


def ways_in() -> None:
    """Two clicks to a first comparison."""
    with st.container(horizontal=True, gap="medium"):
        st.page_link("pages/data.py", label="Bring your own data", icon=":material/upload_file:")
        st.page_link("pages/compare.py", label="Compare the three types", icon=":material/compare_arrows:")


with frame.open_page("Learn"):
    places = lessons.Places()
    st.title("Gradient descent, live")
    st.markdown(
        "Ten minutes, and all you need to know beforehand is what a derivative is. Every figure here is computed by "
        "the lab's own engine, on real numbers, and has one control: move it, and see whether the words beside it are "
        "true. In a hurry? Open **Data**, then **Compare**: two clicks to a first comparison on data of your own."
    )
    ways_in()

    st.header("What gradient descent is")
    with places.beside(lessons.walk):
        st.markdown(
            r"""
A model has numbers that can be set: its **parameters** $\theta$ (theta). The **loss** $J(\theta)$ says how badly the
model fits the data. Gradient descent looks for a $\theta$ with a small loss, without trying them all. It walks
downhill:

1. **Start somewhere.** Here at $\theta = 0$, a flat line.
2. **Compute the gradient**: the slope of the loss where you stand.
3. **Move against it.** The slope points uphill, so the step goes the other way.
4. **Repeat until convergence**: until the steps no longer change anything that matters.

Steps 2 and 3 are one **update**:

$$
\theta_{\text{new}} = \theta - \eta \, \nabla J(\theta)
$$

$\nabla J$ ("nabla J") is the gradient. $\eta$ (eta) is the **learning rate**: how far to go for a given slope. The
model here is $\hat y = \theta x$, a line through the origin, and its loss is half the mean squared error over the $m$
rows of the data, $x_i$ and $y_i$ being those of row $i$:

$$
J(\theta) = \frac{1}{2m} \sum_{i=1}^{m} (\theta x_i - y_i)^2
$$

Each step is shorter than the one before, though $\eta$ stays the same: the slope shrinks on the way down.
"""
        )

    st.header("Its parts")
    with places.beside(lessons.gradient):
        st.markdown(
            r"""
### The gradient and the update

With two parameters the loss is a landscape, seen here from above. Its gradient has one derivative for each parameter:

$$
\nabla J(\theta) = \begin{pmatrix} \partial J / \partial \theta_1 \\ \partial J / \partial \theta_2 \end{pmatrix}
$$

It points in the direction of steepest climb, at a right angle to the contour line. The update goes the opposite way.

Downhill is not the same as towards the lowest point. In a long valley the steepest direction leads across it, not
along it, and the walk zigzags. That is no mistake: the gradient knows the slope under your feet, and nothing else.
"""
        )
    with places.beside(lessons.rates):
        st.markdown(
            r"""
### The learning rate

- **Too small**: every step goes down, and the walk takes for ever.
- **Good**: it arrives in a few steps.
- **Too large**: it jumps over the valley and lands higher than it started. It **diverges**.

How large is too large depends on how strongly the loss curves. Along a direction with curvature $\lambda$ (lambda, the
second derivative) one update multiplies the distance to the lowest point by $1 - \eta \lambda$. This shrinks only
while

$$
\eta < \frac{2}{\lambda_{\max}}
$$

where $\lambda_{\max}$ is the largest curvature in any direction. The lab computes this limit for your data.
"""
        )
    with places.beside(lessons.price):
        st.markdown(
            r"""
### Half true: "a smaller rate is always safer"

Safe from divergence, yes. But half the rate costs about twice the updates, and a walk whose budget ends half-way gives
a wrong answer without any warning.

The ravine makes it worse. The steepest direction sets the limit, the flattest one decides how long it takes. Their
ratio is the **condition number**

$$
\kappa = \frac{\lambda_{\max}}{\lambda_{\min}}
$$

($\kappa$: kappa). At 1 the loss is a round bowl; at 100 even the best rate, $2 / (\lambda_{\min} + \lambda_{\max})$,
needs some two hundred updates here, where the bowl needs two. Features in very different units make $\kappa$ large,
and **standardising** them, as Data offers, often makes it small again.
"""
        )
    with places.beside(lessons.stopping):
        st.markdown(
            r"""
### Convergence criteria

When is it enough? Three criteria are in use:

- **The gradient is small**: $\lVert \nabla J(\theta) \rVert \le \varepsilon$, its length is at most a tolerance
  $\varepsilon$ (epsilon).
- **The loss hardly changes** from one pass over the data to the next.
- **The budget is spent**: so many updates, or so many passes.

The second is only half a criterion. A walk with a tiny rate hardly changes the loss *because its steps are tiny*, not
because it has arrived. Compare where it stops on the slow walk. The gradient does not depend on the rate, so a tiny
rate does not fool it.
"""
        )

    st.header("Its three types")
    with places.beside(lessons.three_types):
        st.markdown(
            r"""
The loss is a mean over the rows, and so is its gradient. Need every update read all of them?

$$
\nabla J_B(\theta) = \frac{1}{b} \sum_{i \in B} \nabla J_i(\theta)
$$

$J_i$ is the loss of row $i$ alone, and $B$ the **batch**: the $b$ rows that one update reads.

- **Batch** descent reads all $m$ rows: $b = m$.
- **Stochastic** descent reads one row: $b = 1$.
- **Mini-batch** descent reads a few: $1 < b < m$.

One pass over all rows is an **epoch**. In one epoch batch descent makes a single update, stochastic descent $m$.

| | good at | bad at |
| --- | --- | --- |
| **batch** | stable, exact gradient | time and memory for each update |
| **stochastic** | cheap updates, a quick start, can leave a poor valley | noisy, may never settle |
| **mini-batch** | a balance of both | one more number to choose: $b$ |

Now each claim by itself.
"""
        )
    with places.beside(lessons.noise):
        st.markdown(
            r"""
### "One row's gradient is noisy"

True, and it can be measured. Each dot is the gradient of one batch, the star that of all rows. A single row may even
point the wrong way. But the dots lie *around* the star: the gradient of a row drawn at random is right **on average**.

Larger batches are closer. The mean squared distance to the full gradient is

$$
\mathbb{E}\,\lVert \nabla J_B - \nabla J \rVert^2 = \frac{\sigma^2}{b} \cdot \frac{m - b}{m - 1}
$$

where $\mathbb{E}$ is the mean over all batches and $\sigma^2$ (sigma squared) this distance for single rows. For small
batches, four times the rows halve the typical error: more rows help less and less.
"""
        )
    with places.beside(lessons.costs):
        st.markdown(
            r"""
### Half true: "batch is slow and needs all data in memory"

An update that reads $b$ rows with $n$ parameters takes $2bn$ multiply-adds: $n$ a row for the prediction, $n$ for the
gradient. So a batch update costs $m$ times a stochastic one.

But look again. **An epoch's gradients cost the same for all three**: batch descent only makes a single update of
them. And for squared loss, batch descent need not read the data again at all:

$$
\nabla J(\theta) = G\,\theta - c
$$

with $G = X^{\top} X / m$ and $c = X^{\top} y / m$, where $X$ is the table of features, $y$ the target, and $X^{\top}$
is $X$ with rows and columns swapped. $G$ and $c$ are formed in one pass; from then on an update costs the same for a
hundred rows as for a hundred million. This lab does so.
"""
        )
    with places.beside(lessons.valleys):
        st.markdown(
            r"""
### Half true: "stochastic descent escapes local minima"

A **local minimum** is the bottom of a valley that is not the deepest one. The full gradient is zero there, so batch
descent stays. The gradient of one row is not zero, and its noise can carry the walk over a low ridge.

The model here is a wave, $\hat y = a \sin(w x)$, with amplitude $a$ and frequency $w$; its loss has several valleys.
We count 20 seeds, each with another order of the rows, and let the rate fall to zero so that every walk comes to rest.

Now choose the other start: the same noise carries walks **out of the best valley** too. And **linear regression has no
local minima at all**: its loss is one bowl, or one trough, and there is nothing to escape from.
"""
        )
    with places.beside(lessons.batch_sizes):
        st.markdown(
            r"""
### "Mini-batch is the best of both"

Often, and it depends on how long you go. A fair race gives every batch size the same number of **examples**, rows
read, and each its own best learning rate: here the best of eight that all batch sizes try. Shown is the median of five
seeds.

With few examples, small batches win: many rough steps beat one exact step. With many, their noise keeps them from the
last digits, and larger batches take over. There is no batch size that wins always; 16 to 256 is a fair first guess.

(Large batches also use processors better. That is real, and counted in seconds, not in examples: Compare shows both.)
"""
        )
    with places.beside(lessons.settling):
        st.markdown(
            r"""
### "It may never settle"

True while the rate stays constant. Near the lowest point the full gradient vanishes but the noise does not, and the
walk keeps jumping about. The loss levels off at a **noise floor**, on average about

$$
J - J^{*} \approx \frac{\eta}{4b} \operatorname{tr} \Sigma
$$

above the lowest loss $J^{*}$, for small rates. $\operatorname{tr} \Sigma$ (the trace of Sigma) is the variance of the
rows' gradients there. Half the rate, half the floor; twice the batch, half the floor. Each row is drawn from all rows
here, as the formula assumes; shuffled rows, read without repetition, settle lower.

The cure is a **schedule**: a rate that is large at first and then falls. Too slowly, and the walk stays noisy; too
fast, and it freezes before it arrives, as 1 / updates does here.
"""
        )

    st.header("Now on your own data")
    st.markdown(
        "Bring a table on **Data**, pick the column to predict, and see what your features ask of the learning rate. "
        "Then **Compare** runs the three types on it, side by side, from one start and with one budget."
    )
    ways_in()
    st.markdown("Or see one idea of this page on the data in use:")
    with st.container(horizontal=True, gap="medium"):
        for preset, label in (("learning-rates", "Four learning rates"), ("momentum", "Momentum in a ravine")):
            st.page_link("pages/compare.py", label=label, icon=":material/science:", query_params={"preset": preset})
    places.fill()
