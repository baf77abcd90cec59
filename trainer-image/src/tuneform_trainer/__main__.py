"""`python -m tuneform_trainer`: the same as `tuneform-trainer`, wherever the environment was moved to."""

from tuneform_trainer.cli import main

main()
