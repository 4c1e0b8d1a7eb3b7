BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE arms (
	campaign VARCHAR NOT NULL, 
	reward VARCHAR NOT NULL, 
	since BIGINT NOT NULL, 
	variant VARCHAR NOT NULL, 
	shown BIGINT NOT NULL, 
	rewarded BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	squares FLOAT NOT NULL, 
	PRIMARY KEY (campaign, reward, since, variant)
)
 WITHOUT ROWID

;
INSERT INTO "arms" VALUES('tea','clicked',1773136800000000,'black',3,1,0.0,0.0);
INSERT INTO "arms" VALUES('tea','clicked',1773136800000000,'green',2,0,0.0,0.0);
INSERT INTO "arms" VALUES('tea','clicked',1773147600000000,'black',6,0,0.0,0.0);
INSERT INTO "arms" VALUES('tea','clicked',1773147600000000,'green',2,0,0.0,0.0);
INSERT INTO "arms" VALUES('tea','clicked',1773223200000000,'black',4,1,0.0,0.0);
INSERT INTO "arms" VALUES('tea','clicked',1773223200000000,'green',4,2,0.0,0.0);
CREATE TABLE consents (
	person VARCHAR NOT NULL, 
	purpose VARCHAR NOT NULL, 
	withdrawn_at BIGINT, 
	given_at BIGINT, 
	PRIMARY KEY (person, purpose)
)
 WITHOUT ROWID

;
INSERT INTO "consents" VALUES('person-3','mail',1773223200000000,NULL);
CREATE TABLE contacts (
	person VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	decision_id VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	expires_at BIGINT, 
	channel VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	campaign VARCHAR NOT NULL, 
	offer VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	tags VARCHAR NOT NULL, 
	PRIMARY KEY (person, at, decision_id, position)
)
 WITHOUT ROWID

;
INSERT INTO "contacts" VALUES('person-1',1773136801000000,'01a2195c-7d95-7076-99a4-9426985473da',0,'confirmed',NULL,'mail','outbound','kettle','kettle','commercial','[]');
INSERT INTO "contacts" VALUES('person-10',1773136810000000,'01a2195c-7de9-74e0-9abc-8443831825c8',0,'released',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-10',1773147610000000,'01a2195c-7dec-74fe-9d6b-ec2e520e802b',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-10',1773223210000000,'01a2195c-7dee-7446-b8e3-51e4cbd95c83',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-11',1773136811000000,'01a2195c-7df1-7733-a7bf-72c1e5ca82b7',0,'confirmed',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-11',1773147611000000,'01a2195c-7df4-7426-9b75-58a8b329cb6e',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-11',1773223211000000,'01a2195c-7df6-744b-99bc-63c724fa1cf4',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-3',1773136803000000,'01a2195c-7daa-7721-9959-72e208c6ce24',0,'confirmed',NULL,'mail','outbound','kettle','kettle','commercial','[]');
INSERT INTO "contacts" VALUES('person-3',1773147603000000,'01a2195c-7dae-7109-b72d-41a430dc0e65',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-3',1773223203000000,'01a2195c-7db1-767f-b38a-29fa28bf90c1',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-4',1773136804000000,'01a2195c-7db5-72a8-b344-4e88c9a4b214',0,'confirmed',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-4',1773147604000000,'01a2195c-7db9-738e-ad70-00882e53f7fa',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-4',1773223204000000,'01a2195c-7dbc-726d-9d8d-089d8d5c9ad9',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-5',1773136805000000,'01a2195c-7dbf-755f-95b8-54e2c9875baa',0,'shadow',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-5',1773147605000000,'01a2195c-7dc1-76e9-a6c3-89531317685b',0,'shadow',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-5',1773223205000000,'01a2195c-7dc2-73c8-a409-48383eeb6be5',0,'shadow',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-6',1773136806000000,'01a2195c-7dc5-7192-8929-769f9f9240fa',0,'released',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-6',1773147606000000,'01a2195c-7dc7-702f-9256-f1a0b7517fc2',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-6',1773223206000000,'01a2195c-7dca-7414-a681-4b14dab87dd2',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-7',1773136807000000,'01a2195c-7dce-708e-96f4-a5c1271bb637',0,'confirmed',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-7',1773147607000000,'01a2195c-7dd1-735e-a2ac-28dc9d1482de',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-7',1773223207000000,'01a2195c-7dd3-742a-a1dc-466cbf1ea30a',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-8',1773136808000000,'01a2195c-7dd8-7566-bcd4-37a124edb8f4',0,'confirmed',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-8',1773147608000000,'01a2195c-7dda-7715-a0a6-925d9565718f',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-8',1773223208000000,'01a2195c-7ddd-74d0-94f6-b3f6b9fb976f',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-9',1773136809000000,'01a2195c-7de0-7595-92f5-fc883983d433',0,'confirmed',NULL,'mail','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-9',1773147609000000,'01a2195c-7de3-7460-bf7f-d5c41484d2e8',0,'confirmed',NULL,'push','outbound','tea','tea','commercial','[]');
INSERT INTO "contacts" VALUES('person-9',1773223209000000,'01a2195c-7de5-7442-97f7-f95dd18948b1',0,'confirmed',NULL,'web','inbound','tea','tea','commercial','[]');
CREATE TABLE counters (
	counter VARCHAR NOT NULL, 
	period BIGINT NOT NULL, 
	shard INTEGER NOT NULL, 
	used BIGINT NOT NULL, 
	quota BIGINT NOT NULL, 
	divided BIGINT NOT NULL, 
	PRIMARY KEY (counter, period, shard)
)
 WITHOUT ROWID

;
INSERT INTO "counters" VALUES('kettle/stock',0,0,2,2,2);
CREATE TABLE decisions (
	decision_id VARCHAR NOT NULL, 
	request_id VARCHAR, 
	person VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	book_version VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	campaign VARCHAR, 
	offer VARCHAR, 
	variant VARCHAR, 
	channel VARCHAR, 
	placement VARCHAR, 
	score FLOAT, 
	selection_probability FLOAT, 
	next_allowed_at BIGINT, 
	expires_at BIGINT, 
	inputs VARCHAR NOT NULL, 
	trace VARCHAR NOT NULL, 
	answer VARCHAR NOT NULL, 
	PRIMARY KEY (decision_id)
);
INSERT INTO "decisions" VALUES('01a2195c-7d64-725d-b58e-90aec8993799','r-0-0','person-0',1773136800000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','nothing',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 0","profile.scores.tea":0.0},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7d64-725d-b58e-90aec8993799","r-0-0",1773136800000000,"nothing","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[],[["not_eligible",""]],[],null,[],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7d6d-7727-adb9-5ca8e0a9bfb8','r-0-1','person-0',1773147600000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','nothing',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 0","profile.scores.tea":0.0},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7d6d-7727-adb9-5ca8e0a9bfb8","r-0-1",1773147600000000,"nothing","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[],[["not_eligible",""]],[],null,[],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7d75-72c7-bfcb-7d4cd77bbd53','r-0-2','person-0',1773223200000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','fallback','','hello','','web','home',0.0,1.0,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 0","profile.scores.tea":0.0},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7d75-72c7-bfcb-7d4cd77bbd53","r-0-2",1773223200000000,"fallback","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["","hello","","web","home",0.0,1.0,{"title":"Hello"},null]],[["not_eligible",""],["fallback","home"]],[],null,[],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7d95-7076-99a4-9426985473da','r-1-0','person-1',1773136801000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','kettle','kettle','','mail',NULL,9.0,0.9,NULL,1773223201000000,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 1","profile.scores.tea":0.08333333333333333,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775728801000000]],"remembered":[["likes-tea",1773136800000000,1775728800000000,{}]],"recalled_events":2}','{"candidates":[["kettle",9.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["",1.0]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false],["kettle/stock",0,2,false]],"contacts":[],"experiments":[["kettle","holdout","nobody-writes","h",0.0,0.1,false]]}','["01a2195c-7d95-7076-99a4-9426985473da","r-1-0",1773136801000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["kettle","kettle","","mail","",9.0,0.9,{"title":"A kettle"},1773223201000000]],[["chosen","kettle"]],[],null,[["likes-tea",1773136800000000]],0.9]');
INSERT INTO "decisions" VALUES('01a2195c-7da0-73a7-a0ec-ac891a866acf','r-1-1','person-1',1773147601000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','nothing',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 1","profile.scores.tea":0.08333333333333333,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775739601000000]],"remembered":[["likes-tea",1773136800000000,1775728801000000,{}]],"recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7da0-73a7-a0ec-ac891a866acf","r-1-1",1773147601000000,"nothing","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[],[["not_eligible",""]],[],null,[["likes-tea",1773136800000000]],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7da2-7333-8979-55dffc6ae1d7','r-1-2','person-1',1773223201000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','fallback','','hello','','web','home',0.0,1.0,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 1","profile.scores.tea":0.08333333333333333,"signal.likes-tea":true},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775815201000000]],"remembered":[["likes-tea",1773136800000000,1775739601000000,{}]],"recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7da2-7333-8979-55dffc6ae1d7","r-1-2",1773223201000000,"fallback","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["","hello","","web","home",0.0,1.0,{"title":"Hello"},null]],[["not_eligible",""],["fallback","home"]],[],null,[["likes-tea",1773136800000000]],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7da5-76b6-ac22-88c3489ad0fb','r-2-0','person-2',1773136802000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','nothing',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 2","profile.scores.tea":0.16666666666666666},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7da5-76b6-ac22-88c3489ad0fb","r-2-0",1773136802000000,"nothing","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[],[["not_eligible",""]],[],null,[],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7da6-7577-a7c7-3a76db8ef7b1','r-2-1','person-2',1773147602000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','nothing',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 2","profile.scores.tea":0.16666666666666666},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7da6-7577-a7c7-3a76db8ef7b1","r-2-1",1773147602000000,"nothing","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[],[["not_eligible",""]],[],null,[],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7da7-7071-984c-3c5d74e644fd','r-2-2','person-2',1773223202000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','fallback','','hello','','web','home',0.0,1.0,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 2","profile.scores.tea":0.16666666666666666},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[],"more_candidates":0,"variants":[],"counters":[],"contacts":[]}','["01a2195c-7da7-7071-984c-3c5d74e644fd","r-2-2",1773223202000000,"fallback","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["","hello","","web","home",0.0,1.0,{"title":"Hello"},null]],[["not_eligible",""],["fallback","home"]],[],null,[],1.0]');
INSERT INTO "decisions" VALUES('01a2195c-7daa-7721-9959-72e208c6ce24','r-3-0','person-3',1773136803000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','kettle','kettle','','mail',NULL,9.0,0.9,NULL,1773223203000000,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 3","profile.scores.tea":0.25,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775728803000000]],"remembered":[["likes-tea",1773136800000000,1775728800000000,{}]],"recalled_events":2}','{"candidates":[["kettle",9.0,"chosen","mail",[]],["tea",4.0,"outranked","kettle",[]]],"more_candidates":0,"variants":[["",1.0]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false],["kettle/stock",1,2,false]],"contacts":[],"experiments":[["kettle","holdout","nobody-writes","h",0.0,0.1,false]]}','["01a2195c-7daa-7721-9959-72e208c6ce24","r-3-0",1773136803000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["kettle","kettle","","mail","",9.0,0.9,{"title":"A kettle"},1773223203000000]],[["chosen","kettle"]],[],null,[["likes-tea",1773136800000000]],0.9]');
INSERT INTO "decisions" VALUES('01a2195c-7dae-7109-b72d-41a430dc0e65','r-3-1','person-3',1773147603000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 3","profile.scores.tea":0.25,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775739603000000]],"remembered":[["likes-tea",1773136800000000,1775728803000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["nights",null,null,false],["weekly",1,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[[1773136803000000,null,"mail","outbound","kettle","kettle","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]],"outcomes":[["complained",1773136860000000,"mail","kettle","kettle"]]}','["01a2195c-7dae-7109-b72d-41a430dc0e65","r-3-1",1773147603000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","push","",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7db1-767f-b38a-29fa28bf90c1','r-3-2','person-3',1773223203000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 3","profile.scores.tea":0.25,"signal.likes-tea":true},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775815203000000]],"remembered":[["likes-tea",1773136800000000,1775739603000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773136803000000,null,"mail","outbound","kettle","kettle","commercial",[]],[1773147603000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]],"outcomes":[["complained",1773136860000000,"mail","kettle","kettle"]]}','["01a2195c-7db1-767f-b38a-29fa28bf90c1","r-3-2",1773223203000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","web","home",4.0,0.36000000000000004,{"title":"Green"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7db5-72a8-b344-4e88c9a4b214','r-4-0','person-4',1773136804000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','mail',NULL,4.0,3.60000000000000042188e-01,NULL,1773223204000000,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 4","profile.scores.tea":0.3333333333333333},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7db5-72a8-b344-4e88c9a4b214","r-4-0",1773136804000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","mail","",4.0,0.36000000000000004,{"title":"Black"},1773223204000000]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7db9-738e-ad70-00882e53f7fa','r-4-1','person-4',1773147604000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 4","profile.scores.tea":0.3333333333333333},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["nights",null,null,false],["weekly",1,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[[1773136804000000,null,"mail","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7db9-738e-ad70-00882e53f7fa","r-4-1",1773147604000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","push","",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dbc-726d-9d8d-089d8d5c9ad9','r-4-2','person-4',1773223204000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 4","profile.scores.tea":0.3333333333333333},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773136804000000,null,"mail","outbound","tea","tea","commercial",[]],[1773147604000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dbc-726d-9d8d-089d8d5c9ad9","r-4-2",1773223204000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","web","home",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dbf-755f-95b8-54e2c9875baa','r-5-0','person-5',1773136805000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','control','tea','tea','green','mail',NULL,4.0,2.79999999999999915623e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 5","profile.scores.tea":0.4166666666666667,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775728805000000]],"remembered":[["likes-tea",1773136800000000,1775728800000000,{}]],"recalled_events":2}','{"candidates":[["kettle",9.0,"out_of_stock","kettle/stock",[["out_of_stock","kettle/stock"]]],["tea",4.0,"held_out","nobody-writes",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false],["kettle/stock",2,2,true],["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,true],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dbf-755f-95b8-54e2c9875baa","r-5-0",1773136805000000,"control","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[],[["out_of_stock","kettle/stock"],["held_out","nobody-writes"]],[],null,[["likes-tea",1773136800000000]],0.2799999999999999]');
INSERT INTO "decisions" VALUES('01a2195c-7dc1-76e9-a6c3-89531317685b','r-5-1','person-5',1773147605000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','control','tea','tea','green','push',NULL,4.0,2.79999999999999915623e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 5","profile.scores.tea":0.4166666666666667,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775739605000000]],"remembered":[["likes-tea",1773136800000000,1775728805000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"held_out","nobody-writes",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["nights",null,null,false],["weekly",1,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[[1773136805000000,null,"mail","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,true],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dc1-76e9-a6c3-89531317685b","r-5-1",1773147605000000,"control","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[],[["held_out","nobody-writes"]],[],null,[["likes-tea",1773136800000000]],0.2799999999999999]');
INSERT INTO "decisions" VALUES('01a2195c-7dc2-73c8-a409-48383eeb6be5','r-5-2','person-5',1773223205000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','control','tea','tea','green','web','home',4.0,2.79999999999999915623e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 5","profile.scores.tea":0.4166666666666667,"signal.likes-tea":true},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775815205000000]],"remembered":[["likes-tea",1773136800000000,1775739605000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"held_out","nobody-writes",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773136805000000,null,"mail","outbound","tea","tea","commercial",[]],[1773147605000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,true],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dc2-73c8-a409-48383eeb6be5","r-5-2",1773223205000000,"control","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["","hello","","web","home",0.0,1.0,{"title":"Hello"},null]],[["held_out","nobody-writes"],["fallback","home"]],[],null,[["likes-tea",1773136800000000]],0.2799999999999999]');
INSERT INTO "decisions" VALUES('01a2195c-7dc5-7192-8929-769f9f9240fa','r-6-0','person-6',1773136806000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','mail',NULL,4.0,3.60000000000000042188e-01,NULL,1773223206000000,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 6","profile.scores.tea":0.5},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dc5-7192-8929-769f9f9240fa","r-6-0",1773136806000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","mail","",4.0,0.36000000000000004,{"title":"Black"},1773223206000000]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dc7-702f-9256-f1a0b7517fc2','r-6-1','person-6',1773147606000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 6","profile.scores.tea":0.5},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["nights",null,null,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dc7-702f-9256-f1a0b7517fc2","r-6-1",1773147606000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","push","",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dca-7414-a681-4b14dab87dd2','r-6-2','person-6',1773223206000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 6","profile.scores.tea":0.5},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773147606000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dca-7414-a681-4b14dab87dd2","r-6-2",1773223206000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","web","home",4.0,0.36000000000000004,{"title":"Green"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dce-708e-96f4-a5c1271bb637','r-7-0','person-7',1773136807000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','mail',NULL,4.0,3.60000000000000042188e-01,NULL,1773223207000000,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 7","profile.scores.tea":0.5833333333333334,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775728807000000]],"remembered":[["likes-tea",1773136800000000,1775728800000000,{}]],"recalled_events":2}','{"candidates":[["kettle",9.0,"out_of_stock","kettle/stock",[["out_of_stock","kettle/stock"]]],["tea",4.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false],["kettle/stock",2,2,true],["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dce-708e-96f4-a5c1271bb637","r-7-0",1773136807000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","mail","",4.0,0.36000000000000004,{"title":"Green"},1773223207000000]],[["out_of_stock","kettle/stock"],["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dd1-735e-a2ac-28dc9d1482de','r-7-1','person-7',1773147607000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 7","profile.scores.tea":0.5833333333333334,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775739607000000]],"remembered":[["likes-tea",1773136800000000,1775728807000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["nights",null,null,false],["weekly",1,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[[1773136807000000,null,"mail","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]],"outcomes":[["complained",1773136860000000,"mail","tea","tea"]]}','["01a2195c-7dd1-735e-a2ac-28dc9d1482de","r-7-1",1773147607000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","push","",4.0,0.36000000000000004,{"title":"Green"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dd3-742a-a1dc-466cbf1ea30a','r-7-2','person-7',1773223207000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 7","profile.scores.tea":0.5833333333333334,"signal.likes-tea":true},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775815207000000]],"remembered":[["likes-tea",1773136800000000,1775739607000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773136807000000,null,"mail","outbound","tea","tea","commercial",[]],[1773147607000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]],"outcomes":[["complained",1773136860000000,"mail","tea","tea"]]}','["01a2195c-7dd3-742a-a1dc-466cbf1ea30a","r-7-2",1773223207000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","web","home",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dd8-7566-bcd4-37a124edb8f4','r-8-0','person-8',1773136808000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','mail',NULL,4.0,3.60000000000000042188e-01,NULL,1773223208000000,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 8","profile.scores.tea":0.6666666666666666},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dd8-7566-bcd4-37a124edb8f4","r-8-0",1773136808000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","mail","",4.0,0.36000000000000004,{"title":"Green"},1773223208000000]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dda-7715-a0a6-925d9565718f','r-8-1','person-8',1773147608000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 8","profile.scores.tea":0.6666666666666666},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["nights",null,null,false],["weekly",1,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[[1773136808000000,null,"mail","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dda-7715-a0a6-925d9565718f","r-8-1",1773147608000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","push","",4.0,0.36000000000000004,{"title":"Green"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7ddd-74d0-94f6-b3f6b9fb976f','r-8-2','person-8',1773223208000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 8","profile.scores.tea":0.6666666666666666},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773136808000000,null,"mail","outbound","tea","tea","commercial",[]],[1773147608000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7ddd-74d0-94f6-b3f6b9fb976f","r-8-2",1773223208000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","web","home",4.0,0.36000000000000004,{"title":"Green"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7de0-7595-92f5-fc883983d433','r-9-0','person-9',1773136809000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','mail',NULL,4.0,3.60000000000000042188e-01,NULL,1773223209000000,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 9","profile.scores.tea":0.75,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775728809000000]],"remembered":[["likes-tea",1773136800000000,1775728800000000,{}]],"recalled_events":2}','{"candidates":[["kettle",9.0,"out_of_stock","kettle/stock",[["out_of_stock","kettle/stock"]]],["tea",4.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false],["kettle/stock",2,2,true],["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7de0-7595-92f5-fc883983d433","r-9-0",1773136809000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","mail","",4.0,0.36000000000000004,{"title":"Black"},1773223209000000]],[["out_of_stock","kettle/stock"],["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7de3-7460-bf7f-d5c41484d2e8','r-9-1','person-9',1773147609000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 9","profile.scores.tea":0.75,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775739609000000]],"remembered":[["likes-tea",1773136800000000,1775728809000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["nights",null,null,false],["weekly",1,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[[1773136809000000,null,"mail","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7de3-7460-bf7f-d5c41484d2e8","r-9-1",1773147609000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","push","",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7de5-7442-97f7-f95dd18948b1','r-9-2','person-9',1773223209000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 9","profile.scores.tea":0.75,"signal.likes-tea":true},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775815209000000]],"remembered":[["likes-tea",1773136800000000,1775739609000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773136809000000,null,"mail","outbound","tea","tea","commercial",[]],[1773147609000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7de5-7442-97f7-f95dd18948b1","r-9-2",1773223209000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","web","home",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7de9-74e0-9abc-8443831825c8','r-10-0','person-10',1773136810000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','mail',NULL,4.0,3.60000000000000042188e-01,NULL,1773223210000000,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 10","profile.scores.tea":0.8333333333333334},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7de9-74e0-9abc-8443831825c8","r-10-0",1773136810000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","mail","",4.0,0.36000000000000004,{"title":"Black"},1773223210000000]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dec-74fe-9d6b-ec2e520e802b','r-10-1','person-10',1773147610000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 10","profile.scores.tea":0.8333333333333334},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["nights",null,null,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dec-74fe-9d6b-ec2e520e802b","r-10-1",1773147610000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","push","",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7dee-7446-b8e3-51e4cbd95c83','r-10-2','person-10',1773223210000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":0,"profile.name":"Ann 10","profile.scores.tea":0.8333333333333334},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773147610000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7dee-7446-b8e3-51e4cbd95c83","r-10-2",1773223210000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","web","home",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7df1-7733-a7bf-72c1e5ca82b7','r-11-0','person-11',1773136811000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','mail',NULL,4.0,3.60000000000000042188e-01,NULL,1773223211000000,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 11","profile.scores.tea":0.9166666666666666,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775728811000000]],"remembered":[["likes-tea",1773136800000000,1775728800000000,{}]],"recalled_events":2}','{"candidates":[["kettle",9.0,"out_of_stock","kettle/stock",[["out_of_stock","kettle/stock"]]],["tea",4.0,"chosen","mail",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false],["kettle/stock",2,2,true],["daily",0,1,false],["weekly",0,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]]}','["01a2195c-7df1-7733-a7bf-72c1e5ca82b7","r-11-0",1773136811000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","mail","",4.0,0.36000000000000004,{"title":"Black"},1773223211000000]],[["out_of_stock","kettle/stock"],["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7df4-7426-9b75-58a8b329cb6e','r-11-1','person-11',1773147611000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','black','push',NULL,4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 11","profile.scores.tea":0.9166666666666666,"signal.likes-tea":true},"masked":["profile.mail"],"consents":["mail"],"preferred_channels":[],"channels":["push"],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775739611000000]],"remembered":[["likes-tea",1773136800000000,1775728811000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","push",[]]],"more_candidates":0,"variants":[["black",0.5]],"counters":[["nights",null,null,false],["weekly",1,2,false],["breath",0,1,false],["in-peace",0,1,false]],"contacts":[[1773136811000000,null,"mail","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]],"outcomes":[["complained",1773136860000000,"mail","tea","tea"]]}','["01a2195c-7df4-7426-9b75-58a8b329cb6e","r-11-1",1773147611000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","black","push","",4.0,0.36000000000000004,{"title":"Black"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
INSERT INTO "decisions" VALUES('01a2195c-7df6-744b-99bc-63c724fa1cf4','r-11-2','person-11',1773223211000000,'326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9','offer','tea','tea','green','web','home',4.0,3.60000000000000042188e-01,NULL,NULL,'{"attributes":{"count of page_view where category eq tea within 7d":2,"profile.name":"Ann 11","profile.scores.tea":0.9166666666666666,"signal.likes-tea":true},"masked":["profile.mail"],"consents":[],"preferred_channels":[],"channels":[],"max_offers":1,"salt":"first","signals":[["likes-tea",1773136800000000,1775815211000000]],"remembered":[["likes-tea",1773136800000000,1775739611000000,{}]],"recalled_events":2}','{"candidates":[["tea",4.0,"chosen","web",[]]],"more_candidates":0,"variants":[["green",0.5]],"counters":[["in-peace",0,1,false]],"contacts":[[1773136811000000,null,"mail","outbound","tea","tea","commercial",[]],[1773147611000000,null,"push","outbound","tea","tea","commercial",[]]],"learned":[["tea",null,{"black":0.5,"green":0.5}]],"experiments":[["tea","holdout","nobody-writes","h",0.0,0.1,false],["tea","control","tea","c",0.0,0.2,false]],"outcomes":[["complained",1773136860000000,"mail","tea","tea"]]}','["01a2195c-7df6-744b-99bc-63c724fa1cf4","r-11-2",1773223211000000,"offer","326ccceb2f1dbdd61e308d2ea5fbff903fa8e7fe32ad120380515ef183c8b4d9",[["tea","tea","green","web","home",4.0,0.36000000000000004,{"title":"Green"},null]],[["chosen","tea"]],[],null,[["likes-tea",1773136800000000]],0.36000000000000004]');
CREATE TABLE events (
	person VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	event_id VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	fields VARCHAR NOT NULL, 
	PRIMARY KEY (person, at, position)
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES('person-0',1773129600000000,0,'view-0-1','page_view','{"category":"coffee","item":"i1"}');
INSERT INTO "events" VALUES('person-0',1773133200000000,0,'view-0-0','page_view','{"category":"coffee","item":"i0"}');
INSERT INTO "events" VALUES('person-1',1773129600000000,0,'view-1-1','page_view','{"category":"tea","item":"i1"}');
INSERT INTO "events" VALUES('person-1',1773133200000000,0,'view-1-0','page_view','{"category":"tea","item":"i0"}');
INSERT INTO "events" VALUES('person-10',1773129600000000,0,'view-10-1','page_view','{"category":"coffee","item":"i1"}');
INSERT INTO "events" VALUES('person-10',1773133200000000,0,'view-10-0','page_view','{"category":"coffee","item":"i0"}');
INSERT INTO "events" VALUES('person-11',1773129600000000,0,'view-11-1','page_view','{"category":"tea","item":"i1"}');
INSERT INTO "events" VALUES('person-11',1773133200000000,0,'view-11-0','page_view','{"category":"tea","item":"i0"}');
INSERT INTO "events" VALUES('person-2',1773129600000000,0,'view-2-1','page_view','{"category":"coffee","item":"i1"}');
INSERT INTO "events" VALUES('person-2',1773133200000000,0,'view-2-0','page_view','{"category":"coffee","item":"i0"}');
INSERT INTO "events" VALUES('person-3',1773129600000000,0,'view-3-1','page_view','{"category":"tea","item":"i1"}');
INSERT INTO "events" VALUES('person-3',1773133200000000,0,'view-3-0','page_view','{"category":"tea","item":"i0"}');
INSERT INTO "events" VALUES('person-4',1773129600000000,0,'view-4-1','page_view','{"category":"coffee","item":"i1"}');
INSERT INTO "events" VALUES('person-4',1773133200000000,0,'view-4-0','page_view','{"category":"coffee","item":"i0"}');
INSERT INTO "events" VALUES('person-5',1773129600000000,0,'view-5-1','page_view','{"category":"tea","item":"i1"}');
INSERT INTO "events" VALUES('person-5',1773133200000000,0,'view-5-0','page_view','{"category":"tea","item":"i0"}');
INSERT INTO "events" VALUES('person-6',1773129600000000,0,'view-6-1','page_view','{"category":"coffee","item":"i1"}');
INSERT INTO "events" VALUES('person-6',1773133200000000,0,'view-6-0','page_view','{"category":"coffee","item":"i0"}');
INSERT INTO "events" VALUES('person-7',1773129600000000,0,'view-7-1','page_view','{"category":"tea","item":"i1"}');
INSERT INTO "events" VALUES('person-7',1773133200000000,0,'view-7-0','page_view','{"category":"tea","item":"i0"}');
INSERT INTO "events" VALUES('person-8',1773129600000000,0,'view-8-1','page_view','{"category":"coffee","item":"i1"}');
INSERT INTO "events" VALUES('person-8',1773133200000000,0,'view-8-0','page_view','{"category":"coffee","item":"i0"}');
INSERT INTO "events" VALUES('person-9',1773129600000000,0,'view-9-1','page_view','{"category":"tea","item":"i1"}');
INSERT INTO "events" VALUES('person-9',1773133200000000,0,'view-9-0','page_view','{"category":"tea","item":"i0"}');
CREATE TABLE holdings (
	decision_id VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	counter VARCHAR NOT NULL, 
	period BIGINT NOT NULL, 
	counted BOOLEAN NOT NULL, 
	expires_at BIGINT, 
	PRIMARY KEY (decision_id, position, counter)
)
 WITHOUT ROWID

;
INSERT INTO "holdings" VALUES('01a2195c-7d95-7076-99a4-9426985473da',0,'kettle/stock',0,1,NULL);
INSERT INTO "holdings" VALUES('01a2195c-7daa-7721-9959-72e208c6ce24',0,'kettle/stock',0,1,NULL);
CREATE TABLE identities (
	name VARCHAR NOT NULL, 
	person VARCHAR NOT NULL, 
	linked_at BIGINT NOT NULL, 
	source VARCHAR NOT NULL, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "identities" VALUES('cookie-1','person-1',1773223200000000,'link');
CREATE TABLE learned (
	campaign VARCHAR NOT NULL, 
	reward VARCHAR NOT NULL, 
	since BIGINT NOT NULL, 
	arms VARCHAR NOT NULL, 
	PRIMARY KEY (campaign, reward, since)
)
 WITHOUT ROWID

;
INSERT INTO "learned" VALUES('tea','clicked',1773396030000000,'{"black":[13,2,0.0,0.0],"green":[8,2,0.0,0.0]}');
CREATE TABLE outcomes (
	person VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	event_id VARCHAR NOT NULL, 
	decision_id VARCHAR, 
	decided_at BIGINT, 
	recorded_at BIGINT NOT NULL, 
	channel VARCHAR NOT NULL, 
	campaign VARCHAR NOT NULL, 
	offer VARCHAR NOT NULL, 
	variant VARCHAR NOT NULL, 
	value FLOAT, 
	currency VARCHAR, 
	fields VARCHAR NOT NULL, 
	PRIMARY KEY (person, type, at, event_id)
)
 WITHOUT ROWID

;
INSERT INTO "outcomes" VALUES('person-1','clicked',1773136860000000,'o-1-0','01a2195c-7d95-7076-99a4-9426985473da',1773136801000000,1773136920000000,'mail','kettle','kettle','',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-10','bounced',1773136860000000,'o-10-0','01a2195c-7de9-74e0-9abc-8443831825c8',1773136810000000,1773136920000000,'mail','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-10','delivered',1773147660000000,'o-10-1','01a2195c-7dec-74fe-9d6b-ec2e520e802b',1773147610000000,1773147720000000,'push','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-11','complained',1773136860000000,'o-11-0','01a2195c-7df1-7733-a7bf-72c1e5ca82b7',1773136811000000,1773136920000000,'mail','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-11','delivered',1773147660000000,'o-11-1','01a2195c-7df4-7426-9b75-58a8b329cb6e',1773147611000000,1773147720000000,'push','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-3','clicked',1773223260000000,'o-3-2','01a2195c-7db1-767f-b38a-29fa28bf90c1',1773223203000000,1773223320000000,'web','tea','tea','green',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-3','complained',1773136860000000,'o-3-0','01a2195c-7daa-7721-9959-72e208c6ce24',1773136803000000,1773136920000000,'mail','kettle','kettle','',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-3','delivered',1773147660000000,'o-3-1','01a2195c-7dae-7109-b72d-41a430dc0e65',1773147603000000,1773147720000000,'push','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-3','unsubscribed',1773223200000000,'unsub-3',NULL,NULL,1773223200000000,'mail','','','',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-4','delivered',1773136860000000,'o-4-0','01a2195c-7db5-72a8-b344-4e88c9a4b214',1773136804000000,1773136920000000,'mail','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-4','delivered',1773147660000000,'o-4-1','01a2195c-7db9-738e-ad70-00882e53f7fa',1773147604000000,1773147720000000,'push','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-6','bounced',1773136860000000,'o-6-0','01a2195c-7dc5-7192-8929-769f9f9240fa',1773136806000000,1773136920000000,'mail','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-6','clicked',1773223260000000,'o-6-2','01a2195c-7dca-7414-a681-4b14dab87dd2',1773223206000000,1773223320000000,'web','tea','tea','green',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-6','delivered',1773147660000000,'o-6-1','01a2195c-7dc7-702f-9256-f1a0b7517fc2',1773147606000000,1773147720000000,'push','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-7','complained',1773136860000000,'o-7-0','01a2195c-7dce-708e-96f4-a5c1271bb637',1773136807000000,1773136920000000,'mail','tea','tea','green',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-7','delivered',1773147660000000,'o-7-1','01a2195c-7dd1-735e-a2ac-28dc9d1482de',1773147607000000,1773147720000000,'push','tea','tea','green',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-8','delivered',1773136860000000,'o-8-0','01a2195c-7dd8-7566-bcd4-37a124edb8f4',1773136808000000,1773136920000000,'mail','tea','tea','green',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-8','delivered',1773147660000000,'o-8-1','01a2195c-7dda-7715-a0a6-925d9565718f',1773147608000000,1773147720000000,'push','tea','tea','green',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-9','clicked',1773136860000000,'o-9-0','01a2195c-7de0-7595-92f5-fc883983d433',1773136809000000,1773136920000000,'mail','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-9','clicked',1773223260000000,'o-9-2','01a2195c-7de5-7442-97f7-f95dd18948b1',1773223209000000,1773223320000000,'web','tea','tea','black',NULL,NULL,'{}');
INSERT INTO "outcomes" VALUES('person-9','delivered',1773147660000000,'o-9-1','01a2195c-7de3-7460-bf7f-d5c41484d2e8',1773147609000000,1773147720000000,'push','tea','tea','black',NULL,NULL,'{}');
CREATE TABLE persons (
	person VARCHAR NOT NULL, 
	first_seen BIGINT NOT NULL, 
	PRIMARY KEY (person)
)
 WITHOUT ROWID

;
INSERT INTO "persons" VALUES('person-0',1773136800000000);
INSERT INTO "persons" VALUES('person-1',1773136800000000);
INSERT INTO "persons" VALUES('person-10',1773136800000000);
INSERT INTO "persons" VALUES('person-11',1773136800000000);
INSERT INTO "persons" VALUES('person-2',1773136800000000);
INSERT INTO "persons" VALUES('person-3',1773136800000000);
INSERT INTO "persons" VALUES('person-4',1773136800000000);
INSERT INTO "persons" VALUES('person-5',1773136800000000);
INSERT INTO "persons" VALUES('person-6',1773136800000000);
INSERT INTO "persons" VALUES('person-7',1773136800000000);
INSERT INTO "persons" VALUES('person-8',1773136800000000);
INSERT INTO "persons" VALUES('person-9',1773136800000000);
CREATE TABLE requests (
	request_id VARCHAR NOT NULL, 
	decision_id VARCHAR NOT NULL, 
	PRIMARY KEY (request_id, decision_id)
)
 WITHOUT ROWID

;
INSERT INTO "requests" VALUES('r-0-0','01a2195c-7d64-725d-b58e-90aec8993799');
INSERT INTO "requests" VALUES('r-0-1','01a2195c-7d6d-7727-adb9-5ca8e0a9bfb8');
INSERT INTO "requests" VALUES('r-0-2','01a2195c-7d75-72c7-bfcb-7d4cd77bbd53');
INSERT INTO "requests" VALUES('r-1-0','01a2195c-7d95-7076-99a4-9426985473da');
INSERT INTO "requests" VALUES('r-1-1','01a2195c-7da0-73a7-a0ec-ac891a866acf');
INSERT INTO "requests" VALUES('r-1-2','01a2195c-7da2-7333-8979-55dffc6ae1d7');
INSERT INTO "requests" VALUES('r-10-0','01a2195c-7de9-74e0-9abc-8443831825c8');
INSERT INTO "requests" VALUES('r-10-1','01a2195c-7dec-74fe-9d6b-ec2e520e802b');
INSERT INTO "requests" VALUES('r-10-2','01a2195c-7dee-7446-b8e3-51e4cbd95c83');
INSERT INTO "requests" VALUES('r-11-0','01a2195c-7df1-7733-a7bf-72c1e5ca82b7');
INSERT INTO "requests" VALUES('r-11-1','01a2195c-7df4-7426-9b75-58a8b329cb6e');
INSERT INTO "requests" VALUES('r-11-2','01a2195c-7df6-744b-99bc-63c724fa1cf4');
INSERT INTO "requests" VALUES('r-2-0','01a2195c-7da5-76b6-ac22-88c3489ad0fb');
INSERT INTO "requests" VALUES('r-2-1','01a2195c-7da6-7577-a7c7-3a76db8ef7b1');
INSERT INTO "requests" VALUES('r-2-2','01a2195c-7da7-7071-984c-3c5d74e644fd');
INSERT INTO "requests" VALUES('r-3-0','01a2195c-7daa-7721-9959-72e208c6ce24');
INSERT INTO "requests" VALUES('r-3-1','01a2195c-7dae-7109-b72d-41a430dc0e65');
INSERT INTO "requests" VALUES('r-3-2','01a2195c-7db1-767f-b38a-29fa28bf90c1');
INSERT INTO "requests" VALUES('r-4-0','01a2195c-7db5-72a8-b344-4e88c9a4b214');
INSERT INTO "requests" VALUES('r-4-1','01a2195c-7db9-738e-ad70-00882e53f7fa');
INSERT INTO "requests" VALUES('r-4-2','01a2195c-7dbc-726d-9d8d-089d8d5c9ad9');
INSERT INTO "requests" VALUES('r-5-0','01a2195c-7dbf-755f-95b8-54e2c9875baa');
INSERT INTO "requests" VALUES('r-5-1','01a2195c-7dc1-76e9-a6c3-89531317685b');
INSERT INTO "requests" VALUES('r-5-2','01a2195c-7dc2-73c8-a409-48383eeb6be5');
INSERT INTO "requests" VALUES('r-6-0','01a2195c-7dc5-7192-8929-769f9f9240fa');
INSERT INTO "requests" VALUES('r-6-1','01a2195c-7dc7-702f-9256-f1a0b7517fc2');
INSERT INTO "requests" VALUES('r-6-2','01a2195c-7dca-7414-a681-4b14dab87dd2');
INSERT INTO "requests" VALUES('r-7-0','01a2195c-7dce-708e-96f4-a5c1271bb637');
INSERT INTO "requests" VALUES('r-7-1','01a2195c-7dd1-735e-a2ac-28dc9d1482de');
INSERT INTO "requests" VALUES('r-7-2','01a2195c-7dd3-742a-a1dc-466cbf1ea30a');
INSERT INTO "requests" VALUES('r-8-0','01a2195c-7dd8-7566-bcd4-37a124edb8f4');
INSERT INTO "requests" VALUES('r-8-1','01a2195c-7dda-7715-a0a6-925d9565718f');
INSERT INTO "requests" VALUES('r-8-2','01a2195c-7ddd-74d0-94f6-b3f6b9fb976f');
INSERT INTO "requests" VALUES('r-9-0','01a2195c-7de0-7595-92f5-fc883983d433');
INSERT INTO "requests" VALUES('r-9-1','01a2195c-7de3-7460-bf7f-d5c41484d2e8');
INSERT INTO "requests" VALUES('r-9-2','01a2195c-7de5-7442-97f7-f95dd18948b1');
CREATE TABLE signals (
	person VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	since BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	fields VARCHAR NOT NULL, 
	PRIMARY KEY (person, name)
)
 WITHOUT ROWID

;
INSERT INTO "signals" VALUES('person-1','likes-tea',1773136800000000,1775815201000000,'{}');
INSERT INTO "signals" VALUES('person-11','likes-tea',1773136800000000,1775815211000000,'{}');
INSERT INTO "signals" VALUES('person-3','likes-tea',1773136800000000,1775815203000000,'{}');
INSERT INTO "signals" VALUES('person-5','likes-tea',1773136800000000,1775815205000000,'{}');
INSERT INTO "signals" VALUES('person-7','likes-tea',1773136800000000,1775815207000000,'{}');
INSERT INTO "signals" VALUES('person-9','likes-tea',1773136800000000,1775815209000000,'{}');
CREATE TABLE trials (
	campaign VARCHAR NOT NULL, 
	at BIGINT NOT NULL, 
	decision_id VARCHAR NOT NULL, 
	variant VARCHAR NOT NULL, 
	PRIMARY KEY (campaign, at, decision_id)
)
 WITHOUT ROWID

;
CREATE UNIQUE INDEX events_by_id ON events (event_id);
CREATE INDEX identities_by_person ON identities (person);
CREATE UNIQUE INDEX outcomes_by_id ON outcomes (event_id);
CREATE INDEX outcomes_by_decision ON outcomes (decision_id);
CREATE INDEX holdings_by_expiry ON holdings (counter, period, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX outcomes_by_campaign ON outcomes (campaign, at);
CREATE INDEX conversions_by_campaign ON outcomes (campaign, decision_id) WHERE type = 'converted';
COMMIT;
