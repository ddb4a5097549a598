"""A campaign beside stations and gridded references: scores in time, tables, figures."""
