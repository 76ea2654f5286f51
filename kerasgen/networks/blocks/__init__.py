"""Parts that the builders of networks share."""
