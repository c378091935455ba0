begin;
select plan(2);

insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, sj_credits, cs_credits, sjmini_credits,
   mock_discussion_token, shared_mock_credits)
values ('C-1', 'S-1', 'Ann@example.com', 'Ann', 1, 2, 3, 4, 5);

select is(
  (select hubspot_sync.contact_properties(c) from hubspot_sync.hubspot_contact_credits c),
  '{"student_id": "S-1", "email": "Ann@example.com", "firstname": "Ann", "lastname": "",
    "sj_credits": "1", "cs_credits": "2", "sjmini_credits": "3", "mock_discussion_token": "4",
    "shared_mock_credits": "5"}'::jsonb,
  'a contact''s properties are texts, a null an empty one');

update hubspot_sync.hubspot_contact_credits set firstname = null, sj_credits = 0;
select is(
  (select hubspot_sync.contact_properties(c) - '{student_id,email,lastname}'::text[]
     from hubspot_sync.hubspot_contact_credits c),
  '{"firstname": "", "sj_credits": "0", "cs_credits": "2", "sjmini_credits": "3",
    "mock_discussion_token": "4", "shared_mock_credits": "5"}'::jsonb,
  'a balance of zero is the text 0');

select * from finish();
rollback;
