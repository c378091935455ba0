begin;
select plan(3);

insert into hubspot_sync.hubspot_contact_credits (id, student_id, email)
values ('00000000-0000-4000-8000-000000000011', 'S-1', 'ann@example.com');
insert into hubspot_sync.sync_notes (id, contact, body, entries, noted_at)
values ('00000000-0000-4000-8000-000000000021', '00000000-0000-4000-8000-000000000011', 'A body',
        '{1}', '2030-02-01 09:00:00.1239+00');
select is(hubspot_sync.note_properties(n),
          '{"hs_note_body": "A body", "hs_timestamp": "1896166800123", "@contact": ""}',
          'a note''s properties are its body and its time in milliseconds')
  from hubspot_sync.sync_notes n;
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-1';
select is(hubspot_sync.note_properties(n) ->> '@contact', 'C-1',
          'its link is the contact''s HubSpot id')
  from hubspot_sync.sync_notes n;
update hubspot_sync.hubspot_contact_credits set hubspot_id = 'C-2';
select is(hubspot_sync.record_properties('sync_notes', n.id) ->> '@contact', 'C-2',
          'the one of now, whatever it was when the note was written')
  from hubspot_sync.sync_notes n;

select * from finish();
rollback;
