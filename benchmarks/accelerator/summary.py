"""`results.json` as tables. It needs nothing but Python: where all parts failed there is a summary, too."""

TITLES = {
    "mlp_vae": "MLP VAE 28x28x1",
    "conv_vae": "convolutional VAE 64x64x3",
    "dcgan": "DCGAN 28x28x1",
    "wgan_gp": "WGAN-GP 32x32x3",
    "vae_gan": "VAE-GAN 64x64x3",
}
#: Of the table of speed: a column, the part that its figures are of, and how their keys begin and end.
COLUMNS = (
    ("kerasgen, JAX, 1 step", "jax-speed", "1 steps an execution"),
    ("kerasgen, JAX, 20 steps", "jax-speed", "20 steps an execution"),
    ("kerasgen, PyTorch", "torch-speed", "1 steps an execution"),
    ("by hand, eager", "torch-by-hand", "eager"),
    ("by hand, channels last", "torch-by-hand", "channels_last"),
    ("by hand, compiled", "torch-by-hand", "compiled"),
)
POLICIES = ("float32", "mixed_bfloat16")


def results_of(found, part):
    """What a part has found so far."""
    return found["parts"].get(part, {}).get("results", {})


def checks(found):
    """Of each check a name and what was found: pairs."""
    for part in ("jax-checks", "torch-checks"):
        results = results_of(found, part)
        if "features" in results:
            yield f"{part}: features of fid_inception", results["features"]
        for precision, families in results.get("precisions", {}).items():
            for family, said in families.items():
                yield f"{part}: {family} in {precision}", said


def is_good(found):
    """Whether no part failed and all checks that were done are good."""
    failed = [name for name, part in found["parts"].items() if part["status"] not in ("ended", "skipped")]
    return not failed and all(said.get("good", "skipped" in said) for _, said in checks(found))


def text(found):
    """The tables, in Markdown."""
    lines = ["# kerasgen on an accelerator", ""]
    devices = {part: results_of(found, part).get("device") for part in ("jax-checks", "torch-checks")}
    lines += [f"- {part}: {device}" for part, device in devices.items() if device]
    lines += [f"- {name} {value}" for name, value in found["machine"].items() if value]
    lines += ["", *rows(["part", "status", "seconds", "why"])]
    for name, part in found["parts"].items():
        lines.append(row([name, part["status"], part.get("seconds", ""), (part.get("reason") or "").replace("|", "/")]))
    lines += ["", *of_checks(found), "", *of_speed(found, "images a second", "Images a second", "{:,.0f}")]
    lines += ["", *of_speed(found, "images a second without input", "Images a second without input", "{:,.0f}")]
    share = "share of the matrix rate without input"
    lines += ["", *of_speed(found, share, "Share of the card's matrix rate, without input", "{:.1%}")]
    return "\n".join([*lines, "", *of_largest(found), "", *of_training(found)]).rstrip() + "\n"


def of_checks(found):
    lines = ["## Checks", "", "The largest difference to float32 on the CPU, and what it may be.", ""]
    lines += rows(["check", "losses", "changes of weights", "good"])
    for name, said in checks(found):
        if "largest" in said:
            cells = [f"{value:.1e} of {bound:.0e}" for value, bound in zip(said["largest"], said["bounds"])]
        elif "bound" in said:
            cells = [f"features {said['error']:.1e} of {said['bound']:.0e}", ""]
        else:
            cells = [said.get("error") or said.get("skipped") or "", ""]
        lines.append(row([name, *(cell.replace("|", "/").replace("\n", " ") for cell in cells), said.get("good", "")]))
    return lines


def of_speed(found, figure, title, form):
    columns = [column for column in COLUMNS if results_of(found, column[1]).get("systems")]
    if not columns:
        return []
    lines = [f"## {title}", "", *rows(["system", "precision", *(column[0] for column in columns)])]
    for system, name in TITLES.items():
        for policy in POLICIES:
            cells = []
            for _, part, key in columns:
                said = results_of(found, part)["systems"].get(system, {}).get(f"{policy}, {key}", {})
                cells.append(form.format(said[figure]) if figure in said else "failed" if "error" in said else "")
            if any(cells):
                lines.append(row([name, policy, *cells]))
    return lines


def of_largest(found):
    systems = results_of(found, "jax-largest").get("systems", {})
    if not systems:
        return []
    lines = ["## Largest batch, doubled each time", "", *rows(["system", "precision", "images", "a second", "then"])]
    for system, policies in systems.items():
        for policy, said in policies.items():
            largest = said["largest"] or {}
            rate = largest.get("images a second without input")
            cells = [largest.get("images", "none"), f"{rate:,.0f}" if rate else "", said["limit"] or ""]
            lines.append(row([TITLES[system], policy, *cells]))
    return lines


def of_training(found):
    said = results_of(found, "training")
    if not said:
        return []
    lines = ["## Training", ""]
    return lines + [f"- {name}: {value}" for name, value in said.items()]


def rows(cells):
    """The head of a table."""
    return [row(cells), row(["---"] * len(cells))]


def row(cells):
    return f"| {' | '.join(str(cell) for cell in cells)} |"
