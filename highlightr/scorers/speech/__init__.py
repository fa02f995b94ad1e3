"""What is said, compared with a query, and put together with what is seen and heard."""
