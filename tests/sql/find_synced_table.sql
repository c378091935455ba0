begin;
select plan(13);

select is(hubspot_sync.find_synced_table(t.said), t.meant, format('%L is %s', t.said, t.meant))
  from (values
    ('bookings', 'hubspot_bookings'), ('contacts', 'hubspot_contact_credits'),
    ('exams', 'hubspot_mock_exams'), ('notes', 'sync_notes'),
    ('hubspot_bookings', 'hubspot_bookings'),
    ('hubspot_contact_credits', 'hubspot_contact_credits'),
    ('hubspot_mock_exams', 'hubspot_mock_exams'), ('sync_notes', 'sync_notes'),
    (' Bookings ', 'hubspot_bookings')
  ) as t (said, meant);
select is(hubspot_sync.find_synced_table(null), null, 'no name is no table');
select throws_ok(format('select hubspot_sync.find_synced_table(%L)', said), '22023', null,
                 format('%L is refused', said))
  from unnest(array['', 'settings', '*']) said;

select * from finish();
rollback;
