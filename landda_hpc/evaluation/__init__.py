"""What a campaign is verified against: references, stations, rain and recorded series, read and checked."""
