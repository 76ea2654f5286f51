"""What figures are called, and where they are better."""

from kerasgen import metrics
from kerasgen.metrics import comparison

#: What figures are called, where it is more than their key, and which of them are better lower or higher.
NAMES = {
    "negative_elbo": "negative ELBO (nats)",
    "reconstruction": "reconstruction term (nats)",
    "kl": "KL divergence (nats)",
    "negative_log_likelihood": "negative log-likelihood, importance-weighted bound (nats)",
    "negative_log_likelihood_ais": "negative log-likelihood, annealed importance sampling (nats)",
    "peak_signal_to_noise_ratio": "PSNR (dB)",
    "structural_similarity": "SSIM",
    "regularization": "regularization (penalties on weights)",
    "sharpness": "sharpness of reconstructions / of images",
    "multiscale_ssim": "MS-SSIM of pairs of samples",
    "frechet_distance": "Frechet distance",
    "kernel_distance": "kernel distance",
    "inception_score": "inception score",
    "class_share_distance": "distance of class shares (total variation)",
    "negative_log_likelihood_error": "its standard error over images",
    "negative_log_likelihood_ais_error": "its standard error over images",
    "negative_log_likelihood_ais_gap": "width of its bounds on simulated images (nats)",
    "negative_log_likelihood_ais_gap_error": "standard error of that width",
    "bits_per_dimension": "bits per dimension, importance-weighted bound",
    "bits_per_dimension_ais": "bits per dimension, annealed importance sampling",
    "kernel_distance_std": "its standard deviation over subsets",
    "inception_score_std": "its standard deviation over splits",
    "f_score": "F score",
    "mutual_information_gap": "MIG",
    "separated_attribute_predictability": "SAP",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "factor_vae_score": "FactorVAE score",
    "beta_vae_score": "beta-VAE score",
    "nearest_training_ratio": "distance to training images / that of held-out images",
}
DIRECTIONS = {
    "negative_elbo": "lower",
    **metrics.ReconstructionError.better,
    **metrics.NegativeLogLikelihood.better,
    **metrics.AnnealedImportanceSampling.better,
    **comparison.DIRECTIONS,
    **metrics.disentanglement.BETTER,
}
# Lower tells more diversity, and lowest of all is noise: nothing to rank models by.
del DIRECTIONS["multiscale_ssim"]


def label(figure, protocol):
    """What a figure is called: with the network that its features come from.

    Args:
        figure: str, a key of "figures".
        protocol: Dict that stands beside them.

    Returns:
        str: "Frechet distance (mnist_classifier)"; "FID" only with the published weights of `fid_inception`.
    """
    features = protocol.get("features")
    if figure == "frechet_distance" and features == "fid_inception" and protocol.get("published"):
        return "FID"
    name = NAMES.get(figure, figure.replace("_", " "))
    of_features = figure in comparison.DIRECTIONS and figure != "multiscale_ssim"
    return f"{name} ({features})" if of_features and features else name


def arrow(figure):
    """Where a figure is better: " ↓", " ↑", or nothing."""
    return {"lower": " ↓", "higher": " ↑"}.get(DIRECTIONS.get(figure), "")
