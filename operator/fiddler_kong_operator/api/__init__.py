"""What users see: the types of a FiddlerKongBinding, its conditions and their reasons, and the CustomResourceDefinition made from them."""
