"""Presets of autoencoders and VAEs."""

AUTOENCODERS = {
    "autoencoder": {
        "summary": "Autoencoder on the embedded digits",
        "model": "Autoencoder",
        "networks": {
            "encoder": {"builder": "mlp.encoder", "units": [256, 128]},
            "decoder": {"builder": "mlp.decoder", "units": [128, 256]},
        },
        "latent_dim": 8,
        "dataset": {"name": "digits", "batch_size": 64},
        "epochs": 60,
    },
    "vae": {
        "summary": "VAE on the embedded digits",
        "model": "VAE",
        "arguments": {"likelihood": "discretized_logistic"},
        "networks": {
            "encoder": {"builder": "mlp.encoder", "units": [256, 128], "posterior": "gaussian"},
            "decoder": {"builder": "mlp.decoder", "units": [128, 256]},
        },
        "latent_dim": 8,
        "dataset": {"name": "digits", "batch_size": 64},
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.002}},
        "epochs": 60,
    },
    "vae_mnist": {
        "summary": "VAE on MNIST, 784-512-256-16",
        "model": "VAE",
        "arguments": {"likelihood": "bernoulli", "beta": 1.0},
        "networks": {
            "encoder": {"builder": "mlp.encoder", "units": [512, 256], "posterior": "gaussian"},
            "decoder": {"builder": "mlp.decoder", "units": [256, 512]},
        },
        "latent_dim": 16,
        "dataset": {"name": "mnist", "batch_size": 64},
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.001}},
        "epochs": 30,
    },
}
