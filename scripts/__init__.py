"""Tools of this repository, which no package ships."""
