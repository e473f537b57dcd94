"""TFLite models: `recognise` knows them, `model` parses them."""
