"""How a model's steps become what Keras's loop runs: compiled, several an execution, stateless on JAX."""

import contextlib
import warnings

import keras
from keras import ops

from kerasgen.engine import sharing
from kerasgen.engine.gradients import Scope, prefers_xla
from kerasgen.engine.not_finite import NOT_FINITE, NotFiniteError
from kerasgen.engine.optimizer import PlayersOptimizer


class Compiled:
    """The part of `GenerativeModel` that is about `compile`, and about the functions that `fit` and `evaluate` run."""

    def compile(self, optimizer=None, *, run_eagerly=False, steps_per_execution="auto", jit_compile="auto", **others):
        """Configure training.

        TensorFlow with XLA draws other noise from a seed than without, and "auto" chooses what is quicker on this
        machine, so that one seed may give two runs on two machines. For the same numbers on both pass
        `jit_compile=False`, or True; a run's config says what was chosen.

        Args:
            optimizer: None for the model's `default_optimizer`; one optimizer (name, config or object), copied for
                each player; or a dict that names one per player.
            run_eagerly: bool. Run steps in Python, to debug.
            steps_per_execution: int, or "auto": as many as pays, never more than a callback's interval.
            jit_compile: bool, or "auto": XLA where it is quicker, on PyTorch `torch.compile`. `fit` measures that
                before a training of 300 steps and two minutes or more, on PyTorch of a quarter of an hour, and
                remembers it in the cache (`KERASGEN_CACHE`); a shorter one follows a rule by networks and device, and
                is not compiled on PyTorch. JAX always compiles. False on several devices of TensorFlow and PyTorch.
            **others: None: the losses are those of the model, and its terms are logged.

        Raises:
            ValueError: If a player has no optimizer, or an optimizer no player; if there are losses or metrics among
                the arguments; if several devices cannot do what is asked for.
        """
        if others:
            raise ValueError(
                "A model of kerasgen has its own losses and logs their terms: `compile` takes optimizer, run_eagerly, "
                "steps_per_execution and jit_compile. Other metrics are callbacks, `kerasgen.callbacks`. "
                f"Received: {', '.join(others)}"
            )
        if steps_per_execution != "auto" and (not isinstance(steps_per_execution, int) or steps_per_execution < 1):
            raise ValueError(
                f'steps_per_execution must be "auto" or a whole number from 1. Received: {steps_per_execution!r}'
            )
        if not isinstance(run_eagerly, bool) or not (jit_compile == "auto" or isinstance(jit_compile, bool)):
            raise ValueError(
                'run_eagerly must be a bool, jit_compile a bool or "auto". '
                f"Received: run_eagerly={run_eagerly!r}, jit_compile={jit_compile!r}"
            )
        self._requested = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        several = sharing.check_devices(self, steps_per_execution, jit_compile)
        with contextlib.nullcontext() if several is None else several.scope():
            self._compile(optimizer, run_eagerly, steps_per_execution, jit_compile if several is None else False)

    def _compile(self, optimizer, run_eagerly, steps_per_execution, jit_compile):
        if not isinstance(optimizer, PlayersOptimizer):
            optimizer = PlayersOptimizer(self._optimizers(optimizer))
            self._warn_of_averages(optimizer)  # A saved model comes with its optimizer, and was warned of it.
        scaled = any(layer.compute_dtype == "float16" for layer in self._flatten_layers())
        variables = {
            player: [v for network in self.networks_of(player) for v in network.trainable_variables]
            for player in self.players
        }
        optimizer.bind(variables, scaled)
        if jit_compile == "auto":
            jit_compile = not run_eagerly and prefers_xla(self._networks())
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if steps_per_execution == "auto" else steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,
        )
        optimizer.build(self.trainable_variables)
        if sharing.strategy_of(self) is not None:
            optimizer.step_in_replicas()

    def _warn_of_averages(self, optimizer):
        """Warn where weights are averaged, but not the moving statistics that belong to them."""
        players = [
            player
            for player in self.players
            if optimizer.of(player).use_ema
            for network in self.networks_of(player)
            if any(isinstance(layer, keras.layers.BatchNormalization) for layer in network._flatten_layers())
        ]
        if players:
            warnings.warn(
                "Averages of weights (`use_ema`) do not match the moving statistics of batch normalisation, which "
                "belong to the weights as they are, and outputs may be worse for it. Build such networks with "
                f'`normalization="layer"`, "instance" or None. Received: {", ".join(dict.fromkeys(players))}',
                stacklevel=4,
            )

    def _optimizers(self, optimizer):
        given = self.default_optimizer if optimizer is None else optimizer
        if not isinstance(given, dict) or "class_name" in given:
            given = dict.fromkeys(self.players, given)
        if set(given) != set(self.players):
            raise ValueError(
                f"`optimizer` must name one optimizer for each player of {list(self.players)}. Received: {list(given)}"
            )
        # A copy of a config: Keras writes into one that it reads.
        given = {player: dict(each) if isinstance(each, dict) else each for player, each in given.items()}
        try:
            return {player: keras.optimizers.get(given[player]) for player in self.players}
        except (TypeError, ValueError) as error:
            raise ValueError(
                "`optimizer` must be an optimizer of Keras, its name or its config, or a dict of such, one for each "
                f"player of {list(self.players)} ({str(error).partition(chr(10))[0]}). Received: {optimizer!r}"
            ) from error

    def get_compile_config(self):
        """What `compile_from_config` needs."""
        if not self.compiled:
            return {}
        return {"optimizer": keras.optimizers.serialize(self.optimizer), **self._requested}

    def compile_from_config(self, config):
        """Compile as `get_compile_config` says."""
        self.compile(**{**config, "optimizer": keras.optimizers.deserialize(config["optimizer"])})

    def make_train_function(self, force=False):
        """Build the function of one execution of training."""
        with self._stateless("train_step", "trainable_variables non_trainable_variables optimizer metrics_variables"):
            made, self.train_function = self.train_function, None if force else self.train_function
            super().make_train_function(force)
        if self.train_function is not made:
            function = self.train_function
            if keras.backend.backend() == "torch" and self.jit_compile:
                function = _telling(function)
            self.train_function = self._stopping(function)

    def _stopping(self, function):
        """A function of one execution that raises before any callback sees a number that is not finite."""

        def execution(*arguments):
            result = function(*arguments)
            logs = result[0] if keras.backend.backend() == "jax" else result
            step, index, value = (float(number) for number in ops.convert_to_numpy(logs.pop(NOT_FINITE)))
            if step:
                if keras.backend.backend() == "jax":  # Else the model would be left without any values.
                    groups = ("trainable_variables", "non_trainable_variables", "optimizer_variables")
                    self._jax_state = dict(zip((*groups, "metrics_variables"), result[1]))
                    self._jax_state_synced = False
                    self.jax_state_sync()
                player, name = self._watched[int(index)]
                what = f"gradient of player '{player}'" if name == "gradient" else f"term '{name}' of player '{player}'"
                raise NotFiniteError(
                    f"Training stopped: in step {step:.0f} the {what} was not finite. Checkpoints are of the state "
                    "before; the weights here may be spoilt. Lower the learning rate, clip gradients "
                    "(`clipnorm=1.0` of an optimizer), or look for such numbers in the data"
                    f"{self._hint_of_labels()}{self.hint_of_trouble}. Received: {value:g}"
                )
            return result

        return execution

    def _hint_of_labels(self):
        classes = self.num_classes
        return f", and for labels other than 0 to {classes - 1}" if classes else ""

    def _maybe_symbolic_build(self, *_, **__):
        """Nothing: networks are built. Keras adds up the first batch of all replicas, which may have unlike parts."""

    def make_test_function(self, force=False):
        """Build the function of one execution of evaluation."""
        state = "trainable_variables non_trainable_variables metrics_variables"
        with self._stateless("test_step", state), self._only_training_compiled():
            return super().make_test_function(force)

    def make_predict_function(self, force=False):
        """Build the function of one execution of `predict`."""
        with self._only_training_compiled():
            return super().make_predict_function(force)

    @contextlib.contextmanager
    def _only_training_compiled(self):
        """On PyTorch other functions do not run often enough for what it takes to compile them."""
        compiled = self.jit_compile
        self.jit_compile = compiled and keras.backend.backend() != "torch"
        try:
            yield
        finally:
            self.jit_compile = compiled

    @contextlib.contextmanager
    def _stateless(self, name, groups):
        """Present `step(data)` as the function that Keras runs: on JAX `step(state, data)`."""
        step = getattr(self, name)
        if keras.backend.backend() != "jax":
            self.__dict__[name] = sharing.unwrapped(step)
            try:
                yield
            finally:
                del self.__dict__[name]
            return

        def stateless_step(state, data):
            variables = [
                self.optimizer.variables if group == "optimizer" else getattr(self, group) for group in groups.split()
            ]
            pairs = [pair for group, values in zip(variables, state) for pair in zip(group, values)]
            with Scope(pairs) as scope:
                logs = step(data)
            state = tuple([scope.get_current_value(v) for v in group] for group in variables)
            return logs, sharing.on_all_devices(state)

        self.__dict__[name] = stateless_step
        try:
            yield
        finally:
            del self.__dict__[name]

    def _check_compiled(self):
        """Refuse to train other variables than `compile` saw: the optimizers know only those."""
        sharing.check_devices(self, self._requested["steps_per_execution"], self._requested["jit_compile"])
        known, now = self.optimizer.bound, {str(id(variable)) for variable in self.trainable_variables}
        if known != now:
            raise ValueError(
                "Layers were frozen, unfrozen or quantised after `compile`: call `compile` again, which starts the "
                "optimizers anew. "
                f"Received: {len(now - known)} variables more to train, and {len(known - now)} less"
            )

    def _choose_steps(self, most, *counts):
        """Set the steps of an execution: `most`, or fewer, that an epoch's given counts of steps hold whole executions.

        Keras runs an execution whole, and would train longer than it was asked to.
        """
        counts = [count for count in counts if count]
        requested = getattr(self, "_requested", {}).get("steps_per_execution")
        if requested == "auto":
            whole = [steps for steps in range(1, most + 1) if not any(count % steps for count in counts)]
            self._set_steps(whole[-1])
        elif requested and any(count % requested for count in counts):
            raise ValueError(
                "Keras runs whole executions: `steps_per_epoch`, `validation_steps` and `steps` must be multiples of "
                f"`compile(steps_per_execution=)`, which may be 'auto'. Received: {counts} and {requested}"
            )

    def _set_steps(self, steps):
        # TensorFlow stops with an error about a placeholder where several devices do several steps an execution.
        one = keras.backend.backend() == "torch" or sharing.strategy_of(self) is not None
        steps = 1 if one else steps
        if steps != self.steps_per_execution:
            self.steps_per_execution = steps
            self.train_function = self.test_function = self.predict_function = None


def _telling(function):
    """A step that `torch.compile` has made, whose errors say so."""
    # Keras asks a cache for types, which can be traced as well as not.
    warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools.lru_cache`")

    def step(*arguments):
        try:
            return function(*arguments)
        except Exception as error:
            error.add_note(
                "`torch.compile` has made this step, and cannot do so with all models: `compile(jit_compile=False)` "
                'does without, and "auto" finds out.'
            )
            raise

    return step
