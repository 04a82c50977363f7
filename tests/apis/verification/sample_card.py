"""A card of made figures."""

import dataclasses

from msvitreid.apis.verification import card as c


def sample_card(**changes) -> c.CalibrationCard:
    return dataclasses.replace(
        c.CalibrationCard(
            fingerprint='ab' * 32,
            data=c.CardData(
                name='sample',
                digest='0' * 64,
                images=400,
                identities=40,
                cameras=('door', 'stairs'),
                genuine='cross-camera',
                genuine_pairs=1000,
                impostor_pairs=60_000,
            ),
            fmr_asked=1e-3,
            same_threshold=0.7,
            fmr=0.0009,
            fmr_interval=(0.0004, 0.002),
            fnmr=0.2,
            fnmr_interval=(0.1, 0.3),
            fnmr_asked=0.05,
            different_threshold=0.4,
            fpir_asked=0.05,
            eer=0.04,
            det=(
                c.DetPoint(-1.0, 1.0, 0.0),
                c.DetPoint(0.4, 0.04, 0.05),
                c.DetPoint(0.6, 0.01, 0.1),
                c.DetPoint(0.7, 0.0009, 0.2),
                c.DetPoint(0.75, 0.0005, 0.3),
            ),
            probability=((0.2, 0.0), (0.5, 0.5), (0.8, 1.0)),
            reliability=c.Reliability(0.02, (c.ReliabilityBin(0.05, 0.06, 50_000),)),
            camera_pairs=(
                c.CameraPair(('door', 'door'), 0, 20_000, None, None, None),
                c.CameraPair(('door', 'stairs'), 1000, 40_000, 0.69, 0.0008, 0.2),
            ),
            galleries=(
                c.GallerySize(10, 200, 200, 0.01, (0.0, 0.02), 0.1, 0.65, 0.05),
                c.GallerySize(100, 200, 200, 0.06, (0.03, 0.09), 0.2, 0.72, 0.25),
            ),
            versions={'msvitreid': '0.1.0'},
        ),
        **changes,
    )
