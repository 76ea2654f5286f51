"""One optimizer a player, one for Keras."""

import keras
import numpy as np
from keras import ops

from kerasgen.engine import replicas
from kerasgen.engine.gradients import update_if

_IN_PLACE = "averages_in_place"


@keras.saving.register_keras_serializable("kerasgen")
class PlayersOptimizer(keras.optimizers.MultiOptimizer):
    """An optimizer that holds one optimizer for each player of a model.

    Keras sees a single optimizer, so `model.save`, JAX's training state, averages of weights and learning-rate
    callbacks reach the variables of all players; a player's step moves only its own. `iterations` counts train steps.

    Under `mixed_float16` each player has its own dynamic loss scale: the loss is multiplied by `scale`; a gradient that
    is not finite is skipped and halves the scale; 2,000 finite ones in a row double it.

    Attributes:
        averages_in_place: bool. Whether the weights of the model are the moving averages, where some are kept: they are
            when `fit` has ended, and not while it trains, nor after it was interrupted. Saved with the rest.

    Args:
        optimizers: Dict from a player's name to its `keras.optimizers.Optimizer`. Copied: the copies bear the names of
            their players, by which learning-rate callbacks log.
        name: str.

    Raises:
        ValueError: If an optimizer wraps another one (`LossScaleOptimizer`, `MultiOptimizer`).

    Reference:
        Micikevicius et al., "Mixed Precision Training", 2018 (dynamic loss scale). https://arxiv.org/abs/1710.03740
    """

    initial_scale = 2.0**15
    growth_steps = 2000

    def __init__(self, optimizers, name="players"):
        super().__init__(self._optimizer_of, name=name)
        wrappers = (keras.optimizers.LossScaleOptimizer, keras.optimizers.MultiOptimizer)
        for player, optimizer in optimizers.items():
            if isinstance(optimizer, wrappers):
                raise ValueError(
                    f"The optimizer of player '{player}' must be a plain one: players have their own loss scales. "
                    f"Received: {optimizer}"
                )
            if optimizer.use_ema and optimizer.ema_overwrite_frequency and optimizer.gradient_accumulation_steps:
                raise ValueError(
                    "Averages cannot overwrite weights (`ema_overwrite_frequency`) while gradients are accumulated: "
                    f"pass one of the two. Received: both, in the optimizer of player '{player}'"
                )
        self._names = list(optimizers)
        self._inner_optimizers = [
            optimizer.from_config({**optimizer.get_config(), "name": player})
            for player, optimizer in optimizers.items()
        ]
        self._player_of_variable = {}
        self.averages_in_place = True
        self._scaled = False
        self._scales = []

    def bind(self, players, scaled):
        """Say which variables each player trains.

        Args:
            players: Dict from a player's name to its list of variables.
            scaled: bool. Whether the losses are scaled (a network computes in float16).
        """
        self._player_of_variable = {str(id(v)): player for player, variables in players.items() for v in variables}
        self._scaled = scaled

    @property
    def bound(self):
        """The ids of the variables of all players, as `str`."""
        return set(self._player_of_variable)

    @property
    def learning_rate(self):
        """The learning rate that all players share, or else a dict from player to rate. Set, it is that of all."""
        rates = {player: self.of(player).learning_rate for player in self._names}
        shared = len({float(ops.convert_to_numpy(rate)) for rate in rates.values()}) == 1
        return next(iter(rates.values())) if shared else rates

    @learning_rate.setter
    def learning_rate(self, rate):
        for optimizer in self._inner_optimizers:
            optimizer.learning_rate = rate

    def of(self, player):
        """The optimizer of a player."""
        return self._inner_optimizers[self._names.index(player)]

    def _optimizer_of(self, variable):
        return self.of(self._player_of_variable[str(id(variable))])

    def build(self, variables):
        """Create the variables of all players' optimizers."""
        if self.built:
            return
        if self._scaled:
            self._scales = [
                (
                    self.add_variable((), keras.initializers.Constant(self.initial_scale), name=f"{player}_loss_scale"),
                    self.add_variable((), "zeros", dtype="int32", name=f"{player}_finite_steps"),
                )
                for player in self._names
            ]
        super().build(variables)

    def step_in_replicas(self):
        """Let each replica of TensorFlow step by itself, by gradients that are the same in all."""
        for optimizer in self._inner_optimizers:
            replicas.steps_alone(optimizer)

    def scale_of(self, player):
        """The factor on a player's loss: a variable, or None without float16."""
        return self._scales[self._names.index(player)][0] if self._scaled else None

    def apply_player(self, player, gradients, variables):
        """Apply the gradients of one player's (scaled) loss to its variables."""
        inner = self.of(player)
        if not self._scaled or not gradients:
            _apply(inner, gradients, variables)
            return
        scale, steps = self._scales[self._names.index(player)]
        finite = ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in gradients if g is not None]))
        unscaled = [None if g is None else ops.divide(g, ops.cast(scale, g.dtype)) for g in gradients]
        update_if(finite, lambda: _apply(inner, unscaled, variables), [*variables, *inner.variables])
        grows = ops.logical_and(finite, ops.equal(steps.value, self.growth_steps - 1))
        factor = ops.where(finite, ops.where(grows, 2.0, 1.0), 0.5)
        scale.assign(scale.value * factor)
        steps.assign(ops.where(ops.equal(factor, 1.0), steps.value + 1, 0))

    def finalize_variable_values(self, var_list):
        """Put the averages in the place of the weights, as Keras does when `fit` ends."""
        super().finalize_variable_values(var_list)
        # On JAX both now share a buffer, and an evaluation, which gives the weights' buffers away, would delete both.
        self.restart_averages()

    def restart_averages(self):
        """Let the moving averages be the weights as they are now, which so count as averages."""
        for optimizer in self._averaging():
            for variable, average in zip(optimizer._trainable_variables, optimizer._model_variables_moving_average):
                average.assign(ops.copy(variable))
        self.averages_in_place = True

    def exchange_averages(self):
        """Swap the weights with their moving averages."""
        for variable, average in self.averages():
            value = ops.convert_to_numpy(variable)
            variable.assign(ops.convert_to_numpy(average))
            average.assign(value)

    def averages(self):
        """Pairs of a weight and its moving average, of the players whose optimizer keeps some and made a step."""
        stepped = [each for each in self._averaging() if int(ops.convert_to_numpy(each.iterations))]
        return [
            pair for each in stepped for pair in zip(each._trainable_variables, each._model_variables_moving_average)
        ]

    def _averaging(self):
        return [optimizer for optimizer in self._inner_optimizers if optimizer.use_ema and optimizer.built]

    @property
    def keeps_averages(self):
        """Whether any player's optimizer keeps a moving average of its weights."""
        return any(optimizer.use_ema for optimizer in self._inner_optimizers)

    def save_own_variables(self, store):
        """Save what is not in a player's optimizer, which Keras saves by itself."""
        for index, variable in enumerate(self._variables):
            store[str(index)] = ops.convert_to_numpy(variable)
        store[_IN_PLACE] = np.array(self.averages_in_place, "int8")

    def load_own_variables(self, store):
        """Load what `save_own_variables` saved."""
        keys = list(store.keys())
        saved = [key for key in keys if key != _IN_PLACE]
        if len(saved) != len(self._variables):
            raise ValueError(
                "The saved optimizer does not fit the model: was it trained under another precision? "
                f"Expected {len(self._variables)} variables. Received: {len(saved)}"
            )
        for index, variable in enumerate(self._variables):
            variable.assign(store[str(index)])
        self.averages_in_place = bool(np.array(store[_IN_PLACE])) if _IN_PLACE in keys else True

    def get_config(self):
        """Config: the players' optimizers by name."""
        optimizers = zip(self._names, self._inner_optimizers)
        return {
            "optimizers": {player: keras.optimizers.serialize(optimizer) for player, optimizer in optimizers},
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The optimizer of a config."""
        optimizers = {
            player: keras.optimizers.deserialize(optimizer, custom_objects)
            for player, optimizer in config["optimizers"].items()
        }
        return cls(optimizers, name=config["name"])


def _apply(optimizer, gradients, variables):
    """Apply gradients, and average the weights as Keras does, but for two things.

    Where gradients are accumulated over `k` steps, averages move when the weights do, and not `k` times as fast. Keras
    averages weights before their constraints are applied: here it is the weights that are there after a step, and their
    averages keep the constraints, too (which an average of weights of norm 1 does not by itself). With
    `ema_overwrite_frequency`, where weights become their averages, only the latter is done.
    """
    every = optimizer.gradient_accumulation_steps
    averages = optimizer._model_variables_moving_average if optimizer.use_ema and optimizer.built else []
    pairs = [pair for pair in zip(optimizer._trainable_variables, averages) if pair[1] is not None]
    constrained = [pair for pair in pairs if pair[0].constraint is not None]
    anew = pairs if every else [] if optimizer.ema_overwrite_frequency else constrained
    moves, before = ops.copy(optimizer.iterations), [ops.copy(average) for _, average in anew]
    optimizer.apply(gradients, variables)
    if anew:
        moved = ops.not_equal(optimizer.iterations, moves)
        # Before the second move the average is what the weights are.
        momentum = ops.where(optimizer.iterations < 2, 0.0, ops.where(moved, optimizer.ema_momentum, 1.0))
        for (variable, average), old in zip(anew, before):
            factor = ops.cast(momentum, average.dtype)
            average.assign(factor * old + (1.0 - factor) * variable)
    for variable, average in constrained:
        average.assign(variable.constraint(average.value))
