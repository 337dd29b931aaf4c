// Short texts, papers, and the Keras code that makes the same network.

import { find, make } from "./views.js";

const TEXTS = {
  simple_rnn: [
    "A SimpleRNN has one line: the new state is a squashed sum of the input and the old state. All that it remembers must pass through U at every step, so what is kept is also changed.",
    "Elman, “Finding Structure in Time”, Cognitive Science 14(2), 1990.",
  ],
  lstm: [
    "An LSTM keeps a second state, the cell c, which is not squashed. The forget gate f says how much of it stays, the input gate i how much of the candidate g is added, the output gate o how much is shown as h. With f near 1 the cell carries a value over many steps, and the gradient with it.",
    "Hochreiter and Schmidhuber, “Long Short-Term Memory”, Neural Computation 9(8), 1997; Gers, Schmidhuber and Cummins, “Learning to Forget”, Neural Computation 12(10), 2000.",
  ],
  gru: [
    "A GRU has no second state. Its update gate z mixes the old state and the candidate g: with z near 1 the old state stays. The reset gate r says how much of the old state the candidate sees.",
    "Cho et al., “Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation”, EMNLP 2014.",
  ],
};

export function showReading(network) {
  const [text, paper] = TEXTS[network.cell];
  find("#reading").replaceChildren(
    make("p", {}, text),
    make("p", { className: "note" }, `${paper} In the equations, x is the input as a row, h′ and c′ the state before the step, ∗ multiplies number by number.`),
  );
  find("#paper").textContent = paper;
  const name = { simple_rnn: "SimpleRNN", lstm: "LSTM", gru: "GRU" }[network.cell];
  const option = network.cell === "gru" && !network.resetAfter ? ", reset_after=False" : "";
  const output = network.outputs ? [`    keras.layers.Dense(${network.outputs}),${network.outputs > 1 ? "  # logits" : ""}`] : [];
  find("#code").textContent = [
    "import keras", "import layers", "", "model = keras.Sequential([", `    keras.Input((None, ${network.features})),`,
    `    layers.${name}(${network.units}, return_sequences=True${option}),`, ...output, "])",
  ].join("\n");
}
