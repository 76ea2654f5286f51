"""Presets of autoencoders and VAEs."""

AUTOENCODERS = {
    "autoencoder": {
        "summary": "Autoencoder with fully connected networks",
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
        "summary": "VAE with fully connected networks",
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
    "autoencoder_mnist": {
        "summary": "Autoencoder on MNIST, 784-512-2, whose latents are not negative",
        "model": "Autoencoder",
        "networks": {
            "encoder": {"builder": "mlp.encoder", "units": [512], "latent_activation": "relu"},
            "decoder": {"builder": "mlp.decoder", "units": [512]},
        },
        "latent_dim": 2,
        "dataset": {"name": "mnist", "batch_size": 64},
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.0003}},
        # A latent whose relu is never positive is dead for good. With a rate of 0.001 both were so after 20,000 images
        # from two of the seeds 0 to 7, with this one none but one latent of seed 0.
        "seed": 1,
        "epochs": 30,
        "pictures_every": 1,
    },
    "vae_mnist_2d": {
        "summary": "VAE on MNIST, 784-512-2, to look at its latent space",
        "model": "VAE",
        "arguments": {"likelihood": "squared_error"},
        "networks": {
            "encoder": {"builder": "mlp.encoder", "units": [512], "posterior": "gaussian"},
            "decoder": {"builder": "mlp.decoder", "units": [512]},
        },
        "latent_dim": 2,
        "dataset": {"name": "mnist", "batch_size": 64},
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.001}},
        "epochs": 30,
        "pictures_every": 1,
    },
    "vae_binary_mnist": {
        "summary": "Bernoulli VAE on binarised MNIST, 784-500-5",
        "model": "VAE",
        "arguments": {"likelihood": "bernoulli"},
        "networks": {
            "encoder": {"builder": "mlp.encoder", "units": [500], "activation": "tanh", "posterior": "gaussian"},
            "decoder": {"builder": "mlp.decoder", "units": [500], "activation": "tanh", "l2": 0.01},
        },
        "latent_dim": 5,
        "dataset": {"name": "mnist", "batch_size": 100, "binarize": "threshold"},
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.001}},
        "epochs": 10,
    },
    "vae_imagenette": {
        "summary": "Convolutional VAE on Imagenette, 64x64",
        "model": "VAE",
        "arguments": {"likelihood": "bernoulli"},
        "networks": {
            "encoder": {
                "builder": "conv.encoder",
                "filters": [32, 64, 128, 256],
                "padding": "valid",
                "posterior": "gaussian",
            },
            "decoder": {
                "builder": "conv.decoder",
                "filters": [1024, 128, 64, 32],
                "kernel_size": [5, 5, 6, 6],
                "padding": "valid",
                "start_activation": "linear",
            },
        },
        "latent_dim": 32,
        "dataset": {"name": "imagenette/160px-v2", "image_size": 64, "batch_size": 32},
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.001}},
        "epochs": 50,
    },
    "autoencoder_iris": {
        "summary": "Autoencoder on rows of a table, from a layout string",
        "model": "Autoencoder",
        # Lengths, and not intensities: the layout's last layer is linear.
        "arguments": {
            "likelihood": {"class_name": "kerasgen>Gaussian", "config": {"scale": 0.5**0.5, "link": "identity"}}
        },
        "networks": {
            "encoder": {"builder": "layout.encoder", "layout": "layout"},
            "decoder": {"builder": "layout.decoder", "layout": "layout"},
        },
        "layout": "Encoder={RESHAPE|1|1|4|FLAT,DENSE|2|SIGMOID}Decoder={DENSE|4|LINEAR,RESHAPE|1|1|4}",
        "latent_dim": 2,
        "dataset": {"name": "iris", "batch_size": 4},
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.03}},
        "epochs": 60,
    },
}
