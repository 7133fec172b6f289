"""All that knows Streamlit: session, address and navigation."""
