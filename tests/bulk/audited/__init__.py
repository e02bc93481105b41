"""An app whose models keep files in every way that an audit has to know."""
